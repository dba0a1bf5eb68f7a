# SPDX-License-Identifier: Apache-2.0
"""The actions of a job, which are copied from the caller's library and added to it.

First all actions of the job are *planned*, which only reads. The library is written after all checks of the job.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from freezer_api.documents import actions, jobs
from freezer_api.documents.fields import Document
from freezer_api.documents.json_codec import size
from freezer_api.documents.limits import DEFAULTS, Limits
from freezer_api.errors import FreezerError, Unprocessable
from freezer_api.operations.scope import Scope
from freezer_api.operations.scoped import ScopedDocuments, owner_fields
from freezer_api.repository.protocol import Repository, Stored


@dataclass(frozen=True, slots=True)
class Plan:
    """``items``: the completed actions of the job. ``new``: new actions with their owner, by id."""

    items: list[Document] = field(default_factory=list)
    new: dict[str, Document] = field(default_factory=dict)


class JobActions:
    """Plans and writes the actions of jobs; ``new_id`` returns an unused id."""

    def __init__(self, repository: Repository, new_id: Callable[[], str], limits: Limits = DEFAULTS) -> None:
        self._repository = repository
        self._jobs = ScopedDocuments(repository, jobs.JOBS)
        self._new_id = new_id
        self._limits = limits

    def plan(self, scope: Scope, items: list[Document], room: int | None = None) -> Plan:
        """Return the plan: every action of the job with its definition and its id.

        An unknown id with a definition is kept. An id whose stored action has another owner or another definition
        is replaced by a new id. Raises ``Unprocessable`` if an item only names an action that the scope does not
        have, and ``TooLarge`` as soon as the items exceed ``room`` bytes, before more stored actions are read.
        """
        plan = Plan()
        bytes_ = 0
        for item in items:
            plan.items.append(self._plan_item(scope, item, plan.new))
            if room is not None:
                bytes_ += size(actions.sent(plan.items[-1]))
                self._limits.check_size(bytes_, room)
        return plan

    def _plan_item(self, scope: Scope, item: Document, new: dict[str, Document]) -> Document:
        id_ = item.get("action_id")
        known = new.get(id_) or self._find_action(id_) if id_ else None
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

    def _find_action(self, action_id: str) -> Document | None:
        stored = self._repository.get(actions.ACTIONS, action_id)
        return None if stored is None else stored.document

    @contextmanager
    def write_actions(self, scope: Scope, plan: Plan, job_id: str) -> Iterator[list[Document]]:
        """Write the planned actions, and yield the items of the job for the caller to write.

        If the caller fails, delete the new actions, except those that the stored job has.
        """
        written: dict[str, Stored] = {}
        try:
            yield self._create_actions(scope, plan, written)
        except FreezerError:
            self._remove_unused(scope, written, job_id)
            raise

    def _create_actions(self, scope: Scope, plan: Plan, written: dict[str, Stored]) -> list[Document]:
        """Create the planned actions, add them to ``written`` and return the items of the job."""
        created = self._repository.create_all(actions.ACTIONS, plan.new) if plan.new else {}
        written |= created
        taken = plan.new.keys() - created.keys()
        if not taken:
            return plan.items
        # Other requests created actions with these ids after the items were planned. A new plan finds them.
        again = self.plan(scope, [item for item in plan.items if item["action_id"] in taken])
        others = iter(self._create_actions(scope, again, written))
        return [next(others) if item["action_id"] in taken else item for item in plan.items]

    def _remove_unused(self, scope: Scope, written: Mapping[str, Stored], job_id: str) -> None:
        # A failure leaves unused actions in the library, which is harmless.
        with suppress(FreezerError):
            job = self._jobs.find(scope, job_id) if written else None
            held = {item.get("action_id") for item in job.document["job_actions"]} if job else set()
            for stored in written.values():
                if stored.key not in held:
                    self._repository.delete(actions.ACTIONS, stored.key, stored.token)


def _completed(scope: Scope, item: Document, action: Document) -> Document:
    """Return the item; in a project with the retries of its action or the default ones."""
    return actions.with_retries(item, {**actions.RETRY_DEFAULTS, **action}) if scope.by_project else item


def _owned_item(item: Document, action: Document) -> Document:
    return {**item, "action_id": action["action_id"], **owner_fields(action)}
