# SPDX-License-Identifier: Apache-2.0
"""Operations on jobs."""

from collections.abc import Callable, Iterable

from freezer_api.context import Caller
from freezer_api.documents import actions, clients, jobs
from freezer_api.documents.fields import Document
from freezer_api.documents.limits import DEFAULTS, Limits
from freezer_api.documents.merge import deep_merge, same
from freezer_api.errors import Unprocessable
from freezer_api.operations.client_lookup import ClientLookup
from freezer_api.operations.job_actions import JobActions, Plan
from freezer_api.operations.job_trusts import Delegator, JobTrusts, TrustDelegation
from freezer_api.operations.membership import Membership
from freezer_api.operations.scope import Scope
from freezer_api.operations.scoped import DocumentOperations
from freezer_api.repository.protocol import Repository, Stored
from freezer_api.repository.query import Condition


class Jobs(DocumentOperations):
    """Jobs of a scope; ``clock`` returns epoch seconds."""

    kind = jobs.JOBS

    def __init__(
        self,
        repository: Repository,
        clients: ClientLookup,
        job_actions: JobActions,
        trusts: JobTrusts,
        membership: Membership,
        *,
        clock: Callable[[], int],
        new_id: Callable[[], str],
        limits: Limits = DEFAULTS,
    ) -> None:
        super().__init__(repository, new_id, limits)
        self._lookup = clients
        self._actions = job_actions
        self._trusts = trusts
        self._membership = membership
        self._clock = clock

    def create(self, scope: Scope, job: Document, delegator: Delegator | None) -> Stored:
        """Create a job with new times, under its own id or a new one."""
        id_ = job.get("job_id") or self._new_id()
        plan = self._plan(scope, job, None)
        job = jobs.scheduled({**job, "job_actions": plan.items, "job_id": id_}, self._clock(), reset_times=True)
        client = self._check_client(scope, job)
        self._limits.check(jobs.JOBS, job)
        with (
            self._actions.write_actions(scope, plan, id_) as items,
            self._trusts.delegation(scope, delegator) as delegation,
        ):
            return self._documents.create(
                scope, id_, delegation.apply_trust(None, jobs.with_actions(job, items), client)
            )

    def put(self, scope: Scope, job_id: str, job: Document, delegator: Delegator | None) -> Stored:
        """Create or replace the job; it leaves its session if the new document does not name it."""
        stored = self._documents.find_or_free(scope, job_id)
        old = None if stored is None else stored.document
        plan = self._plan(scope, job, old)
        now = self._clock()

        def made(items: list[Document]) -> Document:
            return jobs.scheduled(jobs.with_actions(job, items), now, reset_times=False)

        def replaced(old: Document | None, items: list[Document], delegation: TrustDelegation) -> Document:
            new = self._delegate(scope, old, made(items), delegation)
            return new if old is None else self._membership.without_other_sessions(scope, old, new)

        self._check_change(scope, old, made(plan.items))
        self._limits.check(jobs.JOBS, made(plan.items), old)
        with (
            self._actions.write_actions(scope, plan, job_id) as items,
            self._trusts.delegation(scope, delegator) as delegation,
        ):
            stored = self._documents.put(scope, job_id, lambda old: replaced(old, items, delegation))
        self._membership.complete_if_pending(scope, stored.document)
        return stored

    def patch(self, scope: Scope, job_id: str, patch: Document, delegator: Delegator | None) -> Stored:
        """Merge a patch into the job. A list of actions replaces the old list."""
        if "job_actions" not in patch:
            return self._write_merged(scope, job_id, patch, delegator)
        old = self._documents.get(scope, job_id).document
        plan = self._plan(scope, patch, old)
        merged = deep_merge(old, jobs.with_actions(patch, plan.items))
        self._check_change(scope, old, merged)
        self._limits.check(jobs.JOBS, merged, old)
        with self._actions.write_actions(scope, plan, job_id) as items:
            return self._write_merged(scope, job_id, jobs.with_actions(patch, items), delegator)

    def _plan(self, scope: Scope, job: Document, old: Document | None) -> Plan:
        """Plan the job's actions. The limits are checked before anything is read."""
        self._limits.check_count(jobs.JOBS, job, old)
        return self._actions.plan(scope, job["job_actions"], self._limits.room(jobs.JOBS, old))

    def _write_merged(self, scope: Scope, job_id: str, patch: Document, delegator: Delegator | None) -> Stored:
        def merged(job: Document, delegation: TrustDelegation) -> Document:
            new = deep_merge(job, patch)
            self._limits.check(jobs.JOBS, new, job)
            return self._delegate(scope, job, new, delegation)

        with self._trusts.delegation(scope, delegator) as delegation:
            return self._rewrite(scope, job_id, lambda job: merged(job, delegation))

    def _rewrite(self, scope: Scope, job_id: str, change: Callable[[Document], Document]) -> Stored:
        """Change the job, and complete an interrupted change of its membership."""

        def settled(job: Document) -> Document:
            changed = change(job)
            is_unchanged = not jobs.pending_sessions(job) or same(changed, job)
            return changed if is_unchanged else jobs.with_pending(changed, ())

        def before(old: Document, _new: Document) -> None:
            self._membership.complete_if_pending(scope, old)

        stored = self._documents.rewrite(scope, job_id, settled, before)
        self._membership.complete_if_pending(scope, stored.document)
        return stored

    def _delegate(
        self, scope: Scope, old: Document | None, new: Document, delegation: TrustDelegation
    ) -> Document:
        """Check the new job, and return it with the trust that it needs. Unchanged work keeps its trust."""
        if old is not None and _is_same_work(old, new, actions.identical_definition):
            return jobs.with_credentials_of(new, old)
        self._check_change(scope, old, new)
        return delegation.apply_trust(old, new, self._lookup.find(scope, new["client_id"]))

    def _check_change(self, scope: Scope, old: Document | None, new: Document) -> None:
        """Check the client unless client and actions are unchanged."""
        if old is None or not _is_same_work(old, new, actions.same_definition):
            self._check_client(scope, new)

    def request(self, scope: Scope, job_id: str, event: str) -> str:
        """Record an event, and return the text of the response."""
        answers = [""]

        def change(job: Document) -> Document:
            changed, answers[0] = jobs.requested(job, event)
            return changed

        self._rewrite(scope, job_id, change)
        return answers[0]

    def delete(self, scope: Scope, id_: str, delegator: Delegator | None = None) -> None:
        """Delete the job, remove it from its session and revoke its trust; its actions are kept."""
        stored = self._documents.find(scope, id_)
        if stored is None:
            return
        around = scope.around(stored.document)
        self._membership.leave(around, id_)
        self._documents.delete(scope, id_)
        self._membership.leave(around, id_)
        trust_id = jobs.trust_of(stored.document)
        self._trusts.release(around, delegator, () if trust_id is None else (trust_id,))

    def _check_client(self, scope: Scope, job: Document) -> Stored | None:
        """Return the client, or None in v1. Raises ``Unprocessable`` if it does not exist in a project, or does
        not support the job.
        """
        stored = self._lookup.find(scope, job["client_id"])
        if stored is not None:
            clients.check_capabilities(stored.document["client"], jobs.definitions_of(job))
        elif scope.by_project:
            raise Unprocessable(f"Client not found with ID {job['client_id']}")
        return stored

    def process_condition(self, scope: Scope, caller: Caller) -> Condition:
        """Return the condition of jobs whose process :meth:`without_hidden_processes` keeps."""
        return self._lookup.are_of(scope, caller.project_id or "")

    def without_hidden_processes(self, scope: Scope, caller: Caller, found: Iterable[Stored]) -> list[Stored]:
        """Return the jobs without process ids on clients of other projects."""
        is_own: dict[str, bool] = {}

        def shown(stored: Stored) -> Stored:
            job = stored.document
            if jobs.process_of(job) is None:
                return stored
            client_id = job["client_id"]
            if client_id not in is_own:
                client = self._lookup.find(scope, client_id)
                is_own[client_id] = client is not None and client.document.get("project_id") == caller.project_id
            return stored if is_own[client_id] else stored._replace(document=jobs.without_process(job))

        return [shown(stored) for stored in found]


def _is_same_work(old: Document, new: Document, is_same: Callable[[Document, Document], bool]) -> bool:
    """Return whether both jobs have the same client and actions; ``is_same`` compares definitions."""
    lefts, rights = jobs.definitions_of(old), jobs.definitions_of(new)
    return (
        old.get("client_id") == new["client_id"] and len(lefts) == len(rights) and all(map(is_same, lefts, rights))
    )
