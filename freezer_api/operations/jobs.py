"""What a caller may do with jobs: plan them, change them, ask for events."""

from collections.abc import Callable

from freezer_api.documents import actions, clients, jobs
from freezer_api.documents.fields import Document
from freezer_api.documents.merge import deep_merge
from freezer_api.operations.job_actions import JobActions
from freezer_api.operations.membership import Membership
from freezer_api.operations.owned import Owned
from freezer_api.operations.scope import Scope
from freezer_api.repository.protocol import Page, Repository, Stored
from freezer_api.repository.query import Query


class Jobs:
    """Jobs of a scope; ``clock`` gives epoch seconds, ``new_id`` an id that nobody has."""

    def __init__(
        self,
        repository: Repository,
        job_actions: JobActions,
        membership: Membership,
        *,
        clock: Callable[[], int],
        new_id: Callable[[], str],
    ) -> None:
        self._jobs = Owned(repository, jobs.JOBS)
        self._clients = Owned(repository, clients.CLIENTS)
        self._actions = job_actions
        self._membership = membership
        self._clock = clock
        self._new_id = new_id

    def search(self, scope: Scope, query: Query) -> Page:
        return self._jobs.search(scope, query)

    def get(self, scope: Scope, job_id: str) -> Stored:
        return self._jobs.get(scope, job_id)

    def create(self, scope: Scope, job: Document) -> Stored:
        """A new job under a new id, its times set anew."""
        id_ = self._new_id()
        plan = self._actions.planned(scope, job["job_actions"])
        job = jobs.scheduled({**job, "job_actions": plan.items, "job_id": id_}, self._clock(), anew=True)
        self._check_client(scope, job)
        with self._actions.kept(scope, plan, id_) as items:
            return self._jobs.create(scope, id_, jobs.with_actions(job, items))

    def put(self, scope: Scope, job_id: str, job: Document) -> Stored:
        """Create the job under this id or replace it whole; one that names its session no longer leaves it."""
        old = self._jobs.find_or_free(scope, job_id)
        plan = self._actions.planned(scope, job["job_actions"])
        now = self._clock()

        def made(old: Document | None, items: list[Document]) -> Document:
            new = jobs.scheduled(jobs.with_actions(job, items), now, anew=False)
            self._check_client_of_change(scope, old, new)
            return new

        def before(_old: Document, new: Document) -> None:
            self._membership.leave(scope, job_id, but=new.get("session_id"))

        made(None if old is None else old.document, plan.items)
        with self._actions.kept(scope, plan, job_id) as items:
            return self._jobs.put(scope, job_id, lambda old: made(old, items), before)

    def patch(self, scope: Scope, job_id: str, patch: Document) -> Stored:
        """Merge; the list of actions, when there is one, replaces the old list."""
        if "job_actions" not in patch:
            return self._jobs.rewrite(scope, job_id, lambda job: self._patched(scope, job, patch))
        old = self._jobs.get(scope, job_id)
        plan = self._actions.planned(scope, patch["job_actions"])
        self._patched(scope, old.document, jobs.with_actions(patch, plan.items))
        with self._actions.kept(scope, plan, job_id) as items:
            return self._jobs.rewrite(
                scope, job_id, lambda job: self._patched(scope, job, jobs.with_actions(patch, items))
            )

    def _patched(self, scope: Scope, job: Document, patch: Document) -> Document:
        changed = deep_merge(job, patch)
        self._check_client_of_change(scope, job, changed)
        return changed

    def request(self, scope: Scope, job_id: str, event: str) -> str:
        """Record that an event is wanted, and nothing else; the answer."""
        answers = [""]

        def change(job: Document) -> Document:
            changed, answers[0] = jobs.requested(job, event)
            return changed

        self._jobs.rewrite(scope, job_id, change)
        return answers[0]

    def delete(self, scope: Scope, job_id: str) -> None:
        """Delete the job; its actions stay in the library, sessions no longer wait for it."""
        if self._jobs.find(scope, job_id) is None:
            return
        self._membership.leave(scope, job_id)
        self._jobs.delete(scope, job_id)
        self._membership.leave(scope, job_id)

    def _check_client_of_change(self, scope: Scope, old: Document | None, new: Document) -> None:
        """A change that leaves client and definitions alone is not judged by them."""
        if old is None or old.get("client_id") != new["client_id"] or not _same_definitions(old, new):
            self._check_client(scope, new)

    def _check_client(self, scope: Scope, job: Document) -> None:
        """``Unprocessable`` when the scope's client of this id announced that it cannot do the job."""
        stored = self._clients.find(scope, job["client_id"])
        if stored is not None:
            clients.check_capabilities(stored.document["client"], jobs.definitions_of(job))


def _same_definitions(left: Document, right: Document) -> bool:
    lefts, rights = jobs.definitions_of(left), jobs.definitions_of(right)
    return len(lefts) == len(rights) and all(map(actions.same_definition, lefts, rights))
