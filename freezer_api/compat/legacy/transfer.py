# SPDX-License-Identifier: Apache-2.0
"""Import the documents of a source into a repository, which may be in use."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from enum import Enum
from functools import partial
from itertools import islice

from freezer_api.compat.legacy.findings import Refused, Source
from freezer_api.compat.legacy.repair import repaired, time_of
from freezer_api.documents.kind import Kind
from freezer_api.documents.limits import DEFAULTS, Limits
from freezer_api.documents.merge import same
from freezer_api.errors import CommandError, Invalid
from freezer_api.operations.rewrite import retry_on_conflict
from freezer_api.operations.scoped import shown_id
from freezer_api.repository.protocol import Original, Repository

_BATCH_SIZE = 200


class OnConflict(Enum):
    """What to do with a document if another document in the store has its key."""

    SKIP = "skip"
    REPLACE = "replace"
    FAIL = "fail"


@dataclass
class Count:
    """Numbers of documents of one kind. ``oversized`` are those that exceed a limit of the API."""

    new: int = 0
    skipped: int = 0
    replaced: int = 0
    refused: int = 0
    without_project: int = 0
    oversized: int = 0


@dataclass(frozen=True)
class Transfer:
    """Import documents, kind by kind. An import that was interrupted can be run again.

    ``projects``: by user, the project for documents without one. ``report`` receives a line for each
    refused document and each warning. With ``is_trial`` nothing is written.
    """

    source: Source
    repository: Repository
    _: KW_ONLY
    projects: Mapping[str, str]
    on_conflict: OnConflict
    is_trial: bool
    report: Callable[[str], None]
    limits: Limits = DEFAULTS

    def run(self, kind: Kind, advance: Callable[[int], object] = lambda _count: None) -> Count:
        """Import the documents of the kind, and call ``advance`` with the number of each batch.

        Raises ``CommandError`` if another document has the same key.
        """
        count = Count()
        originals = self._originals(kind, count, self.report)
        if not kind.keyed_by_id:
            originals = self._newest(kind, originals, count)
        while batch := list(islice(originals, _BATCH_SIZE)):
            self._store(kind, batch, count)
            advance(len(batch))
        return count

    def _originals(self, kind: Kind, count: Count, report: Callable[[str], None]) -> Iterator[Original]:
        """Yield the repaired documents. One without a time of creation gets that of the document before it."""
        created = 0
        for item in self.source.read(kind):
            try:
                if isinstance(item, Refused):
                    raise Invalid(item.reason)
                key, document = repaired(kind, item.document, self.projects)
            except Invalid as error:
                count.refused += 1
                report(refusal(Refused(kind, item.label, str(error))))
                continue
            known = (item.created, time_of(kind, document), created + 1)
            created = next(time for time in known if time is not None)
            yield Original(key, document, item.version, created)

    def _newest(self, kind: Kind, originals: Iterable[Original], count: Count) -> Iterator[Original]:
        """Yield the newest document of each key, the last if several are equally new."""
        newest: dict[str, tuple[int, int]] = {}
        for position, original in enumerate(self._originals(kind, Count(), lambda _line: None)):
            newest[original.key] = max(newest.get(original.key, (0, 0)), (original.created, position))
        for position, original in enumerate(originals):
            if newest[original.key] == (original.created, position):
                yield original
            else:
                count.skipped += 1
                client_id = shown_id(original.document["client"]["client_id"])
                self.report(f"Client {client_id} is registered more than once: only the newest is imported")

    def _store(self, kind: Kind, batch: list[Original], count: Count) -> None:
        count.oversized += sum(not self.limits.allows(kind, original.document) for original in batch)
        count.without_project += sum(not original.document.get("project_id") for original in batch)
        outcomes: list[bool | None]
        if self.is_trial:
            outcomes = [self.repository.get(kind, original.key) is None for original in batch]
        else:
            outcomes = self.repository.restore(kind, batch)
        for original, is_new in zip(batch, outcomes, strict=True):
            if is_new is None:
                count.refused += 1
                self.report(refusal(Refused(kind, original.key, "the store accepts no document of this size")))
            elif is_new:
                count.new += 1
            elif self.on_conflict is OnConflict.SKIP:
                count.skipped += 1
            else:
                retry_on_conflict(partial(self._handle_existing, kind, original, count))

    def _handle_existing(self, kind: Kind, original: Original, count: Count) -> None:
        """Handle a document whose key exists in the store. Raises ``Conflict`` if it was changed meanwhile."""
        there = self.repository.get(kind, original.key)
        owners = [(name, original.document.get(name)) for name in ("user_id", "project_id")]
        if there is None or same(there.document, original.document):
            count.skipped += 1
        elif self.on_conflict is OnConflict.FAIL:
            raise CommandError(f"{kind.title} {shown_id(original.key)}: the store has another with this id")
        elif not any(owner and there.document.get(name) == owner for name, owner in owners):
            count.refused += 1
            self.report(refusal(Refused(kind, original.key, "the store has one of another owner with this id")))
        else:
            if not self.is_trial:
                self.repository.replace(kind, original.key, original.document, there.token)
            count.replaced += 1


def refusal(refused: Refused) -> str:
    """Return the log line for a finding, with the id of the document but none of its content."""
    what = "" if refused.kind is None else f"{refused.kind.title.lower()} "
    return f"Refused {what}{shown_id(refused.label)}: {refused.reason}"
