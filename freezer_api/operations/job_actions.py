"""The actions of a job: copied from and into the caller's library.

First every item is *planned*, which only reads; the library is written when the whole job is known to be good.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from freezer_api.documents import actions, jobs
from freezer_api.documents.fields import Document
from freezer_api.errors import AlreadyExists, FreezerError, Unprocessable
from freezer_api.operations.owned import Owned, owners_of
from freezer_api.operations.scope import Scope
from freezer_api.repository.protocol import Repository, Stored


@dataclass(frozen=True, slots=True)
class Plan:
    """``items``: the job's actions, complete. ``new``: the library's new actions, by id."""

    items: list[Document]
    new: dict[str, Document]


class JobActions:
    """Plans and keeps the actions of jobs; ``new_id`` makes an id that nobody has."""

    def __init__(self, repository: Repository, new_id: Callable[[], str]) -> None:
        self._repository = repository
        self._actions = Owned(repository, actions.ACTIONS)
        self._jobs = Owned(repository, jobs.JOBS)
        self._new_id = new_id

    def planned(self, scope: Scope, items: list[Document]) -> Plan:
        """Every item with its definition and the id of its action.

        An unknown id with a definition is taken as it is; one whose stored action is somebody else's or tells
        something different gives way to a new id. ``Unprocessable`` when an item only names an action that the
        scope does not have.
        """
        plan = Plan([], {})
        for item in items:
            plan.items.append(self._planned_item(scope, item, plan.new))
        return plan

    def _planned_item(self, scope: Scope, item: Document, new: dict[str, Document]) -> Document:
        id_ = item.get("action_id")
        known = new.get(id_) or self._known(id_) if id_ else None
        if known is not None and scope.owns(known):
            if "freezer_action" not in item:
                item = actions.completed_item(item, known)
            if actions.same_definition(item["freezer_action"], actions.definition_of(known)):
                return _owned_item(_completed(scope, item, known), known)
        if "freezer_action" not in item:
            raise Unprocessable(f"Action id: {id_} not found.")
        if not id_ or known is not None:
            id_ = self._new_id()
        item = _completed(scope, item, {})
        new[id_] = scope.stamped({**actions.library_entry(item), "action_id": id_})
        return _owned_item(item, new[id_])

    def _known(self, action_id: str) -> Document | None:
        stored = self._repository.get(actions.ACTIONS, action_id)
        return None if stored is None else stored.document

    @contextmanager
    def kept(self, scope: Scope, plan: Plan, job_id: str) -> Iterator[list[Document]]:
        """Write the planned actions, then let the job be written with the items given.

        When that fails, the new actions are taken back, unless the job turns out to hold them all the same.
        """
        written: list[Stored] = []
        try:
            items = [self._written_item(scope, item, plan, written) for item in plan.items]
            yield items
        except FreezerError:
            self._take_back(scope, written, job_id)
            raise

    def _written_item(self, scope: Scope, item: Document, plan: Plan, written: list[Stored]) -> Document:
        id_ = item["action_id"]
        if id_ not in plan.new or any(stored.key == id_ for stored in written):
            return item
        try:
            written.append(self._actions.create(scope, id_, plan.new[id_]))
        except AlreadyExists:
            # Somebody took the id since it was planned: what the item would have become a moment later.
            again = self.planned(scope, [item])
            return self._written_item(scope, again.items[0], again, written)
        return item

    def _take_back(self, scope: Scope, written: list[Stored], job_id: str) -> None:
        # Whatever fails here leaves an action too many in the library, which harms nobody.
        with suppress(FreezerError):
            job = self._jobs.find(scope, job_id) if written else None
            held = {item.get("action_id") for item in job.document["job_actions"]} if job else set()
            for stored in written:
                if stored.key not in held:
                    self._repository.delete(actions.ACTIONS, stored.key, stored.token)


def _completed(scope: Scope, item: Document, action: Document) -> Document:
    """The item; in a project it says how often to try, as its action does or as is usual."""
    return actions.with_retries(item, {**actions.RETRY_DEFAULTS, **action}) if scope.by_project else item


def _owned_item(item: Document, action: Document) -> Document:
    """The item with the id and the owner of its action."""
    return {**item, "action_id": action["action_id"], **owners_of(action)}
