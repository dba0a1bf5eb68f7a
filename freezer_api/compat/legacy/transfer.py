# SPDX-License-Identifier: Apache-2.0
"""Import the documents of a source into a repository, which may be in use."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from freezer_api.compat.legacy.findings import Found, Refused, Source
from freezer_api.compat.legacy.repair import repaired, time_of
from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind
from freezer_api.documents.limits import DEFAULTS, Limits
from freezer_api.documents.merge import same
from freezer_api.errors import CommandError, Invalid, NotFound
from freezer_api.operations.rewrite import rewrite
from freezer_api.operations.scoped import shown_id
from freezer_api.repository.protocol import Original, Repository, Stored

_BATCH_SIZE = 200
_PROGRESS_INTERVAL = 1000
"""Documents between two lines that report progress; a multiple of ``_BATCH_SIZE``."""


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


class Transfer:
    """Import documents, kind by kind. An import that was interrupted can be run again.

    ``projects``: by user, the project for documents without one. ``report`` receives a line for each
    refused document and each warning. With ``is_trial`` nothing is written.
    """

    def __init__(
        self,
        source: Source,
        repository: Repository,
        *,
        projects: Mapping[str, str],
        on_conflict: OnConflict,
        is_trial: bool,
        report: Callable[[str], None],
        limits: Limits = DEFAULTS,
    ) -> None:
        self._limits = limits
        self._source = source
        self._repository = repository
        self._projects = projects
        self._on_conflict = on_conflict
        self._is_trial = is_trial
        self._report = report

    def run(self, kind: Kind) -> Count:
        """Import the documents of the kind. Raises ``CommandError`` if another document has the same key."""
        count = Count()
        originals = self._originals(kind, count, self._report)
        if not kind.keyed_by_id:
            originals = self._newest(kind, originals, count)
        done = 0
        while batch := list(islice(originals, _BATCH_SIZE)):
            self._store(kind, batch, count)
            done += len(batch)
            if done % _PROGRESS_INTERVAL == 0:
                self._report(f"Importing {kind.name}: {done} documents so far")
        return count

    def _originals(self, kind: Kind, count: Count, report: Callable[[str], None]) -> Iterator[Original]:
        """Yield the repaired documents. One without a time of creation follows the one before it."""
        created = 0
        for item in self._source.read(kind):
            try:
                original = self._original(item, after=created)
            except Invalid as error:
                count.refused += 1
                report(refusal(Refused(kind, item.label, str(error))))
                continue
            created = original.created
            yield original

    def _original(self, item: Found | Refused, *, after: int) -> Original:
        if isinstance(item, Refused):
            raise Invalid(item.reason)
        key, document = repaired(item.kind, item.document, self._projects)
        created = item.created if item.created is not None else time_of(item.kind, document)
        return Original(key, document, item.version, after + 1 if created is None else created)

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
                self._report(f"Client {client_id} is registered more than once: only the newest is imported")

    def _store(self, kind: Kind, batch: list[Original], count: Count) -> None:
        count.oversized += sum(not self._limits.allows(kind, original.document) for original in batch)
        count.without_project += sum(not original.document.get("project_id") for original in batch)
        if self._is_trial:
            outcomes = [self._repository.get(kind, original.key) is None for original in batch]
        else:
            outcomes = self._repository.restore(kind, batch)
        for original, is_new in zip(batch, outcomes, strict=True):
            if is_new:
                count.new += 1
            elif self._on_conflict is OnConflict.SKIP:
                count.skipped += 1
            else:
                self._handle_existing(kind, original, count)

    def _handle_existing(self, kind: Kind, original: Original, count: Count) -> None:
        """Handle a document whose key exists in the store."""
        there = self._repository.get(kind, original.key)
        if there is None or same(there.document, original.document):
            count.skipped += 1
        elif self._on_conflict is OnConflict.FAIL:
            raise CommandError(f"{kind.title} {shown_id(original.key)}: the store has another with this id")
        elif not _is_of_one_owner(there.document, original.document):
            count.refused += 1
            self._report(refusal(Refused(kind, original.key, "the store has one of another owner with this id")))
        elif self._is_trial or self._replaced(kind, original):
            count.replaced += 1
        else:
            count.skipped += 1

    def _replaced(self, kind: Kind, original: Original) -> bool:
        """Replace the stored document. Return False if it was deleted meanwhile."""

        def read() -> Stored:
            stored = self._repository.get(kind, original.key)
            if stored is None:
                raise NotFound(original.key)
            return stored

        try:
            rewrite(self._repository, kind, read, lambda _there: original.document)
        except NotFound:
            return False
        return True


def refusal(refused: Refused) -> str:
    """Return the log line for a finding, with the id of the document but none of its content."""
    what = "" if refused.kind is None else f"{refused.kind.title.lower()} "
    return f"Refused {what}{shown_id(refused.label)}: {refused.reason}"


def _is_of_one_owner(left: Document, right: Document) -> bool:
    return any(left.get(name) and left.get(name) == right.get(name) for name in ("user_id", "project_id"))
