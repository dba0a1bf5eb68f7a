# SPDX-License-Identifier: Apache-2.0
"""Exports: all documents of a store as lines of JSON, and their import into another store.

The first line is a header, the last one a footer with the number of documents of each kind and a digest of all
lines in between. So an incomplete or changed export is recognized, and exports of equal stores have equal digests.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from freezer_api.documents.fields import LONG_MAX, LONG_MIN
from freezer_api.documents.json_codec import decode, encode, one_line
from freezer_api.documents.kind import Kind
from freezer_api.documents.merge import same
from freezer_api.documents.registry import KINDS
from freezer_api.errors import CommandError
from freezer_api.operations.pages import bounded_page
from freezer_api.operations.scoped import shown_id
from freezer_api.repository.protocol import Original, Repository
from freezer_api.repository.query import Query
from freezer_api.repository.texts import is_text

FORMAT = "freezer-api export"
FORMAT_VERSION = 1
"""The version of the format. A release reads its own version and earlier ones."""

_PAGE_SIZE = 1000
_PAGE_BYTES = 4 * 1024 * 1024

_BATCH_SIZE = 500
_BATCH_BYTES = 4 * 1024 * 1024
"""Maximum bytes of the lines in one batch."""

_FOOTER = b'{"documents":'
"""The beginning of a footer. No other line begins with it."""

_WRONG_COUNTS = "the footer has other numbers of documents than the export"

_MAX_KEY_BYTES = 512
_MAX_VERSION = 2**30
_MAX_CREATED = 2**62
"""Documents that are created or changed later have higher versions and times, which every store must accept."""

_BY_NAME = {kind.name: kind for kind in KINDS}


class Export:
    """The export of a store; ``counts`` and ``digest`` describe the lines that were yielded so far."""

    def __init__(self, repository: Repository, kinds: Sequence[Kind], release: str) -> None:
        self._repository = repository
        self._kinds = kinds
        self._release = release
        self._hash = hashlib.sha256()
        self.counts = {kind.name: 0 for kind in kinds}

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def header(self) -> bytes:
        names = [kind.name for kind in self._kinds]
        return _line({"format": FORMAT, "version": FORMAT_VERSION, "release": self._release, "kinds": names})

    def documents(self, kind: Kind) -> Iterator[bytes]:
        """Yield a line for each document of the kind, in the order of creation."""
        query = Query(limit=_PAGE_SIZE)
        while True:
            page = bounded_page(self._repository, kind, query, _PAGE_BYTES)
            for key, document, version, _token, created in page.items:
                own = {"kind": kind.name, "key": key, "version": version, "created": created}
                line = _line({**own, "document": document})
                self._hash.update(line)
                self.counts[kind.name] += 1
                yield line
            if page.next is None:
                return
            query = Query(limit=_PAGE_SIZE, after=page.next)

    def footer(self) -> bytes:
        """Return the last line, after all documents."""
        return _line({"documents": self.counts, "sha256": self.digest})


def _line(value: dict[str, Any]) -> bytes:
    return encode(value).encode() + b"\n"


def check(lines: Iterable[bytes], name: str) -> dict[str, int]:
    """Return the number of documents of each kind. Raises ``CommandError`` if the export is cut or changed."""
    reader = Reader(lines, name)
    for _ in reader.lines():
        pass
    return reader.counts


class Reader:
    """Read the lines of an export. ``name`` is its name in messages."""

    def __init__(self, lines: Iterable[bytes], name: str) -> None:
        self._lines = enumerate(lines, 1)
        self._name = name
        self._number = 0
        self._hash = hashlib.sha256()
        self.counts: dict[str, int] = {}
        """The numbers of documents in the footer, after the last line was read."""

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the documents. Raises ``CommandError``, for a wrong digest after the last of them."""
        self._check_header(next(self._lines, (1, b""))[1])
        for number, line in self._lines:
            self._number = number
            if line.startswith(_FOOTER):
                self._check_footer(line)
                return
            if not line.endswith(b"\n"):
                break
            self._hash.update(line)
            yield line
        raise CommandError(f"{self._name} is incomplete: its footer is missing. Export again")

    def documents(self) -> Iterator[tuple[Kind, Original, int]]:
        """Yield the documents with their kinds and the lengths of their lines, and check the lines."""
        counts: dict[str, int] = {}
        for line in self.lines():
            kind, original = self._document(line)
            counts[kind.name] = counts.get(kind.name, 0) + 1
            yield kind, original, len(line)
        if counts != {kind: count for kind, count in self.counts.items() if count}:
            raise self._damaged(_WRONG_COUNTS)

    def _check_header(self, line: bytes) -> None:
        header = _object(line)
        if header.get("format") != FORMAT or not isinstance(header.get("version"), int):
            raise CommandError(f"{self._name} is not an export of freezer-manage")
        if header["version"] > FORMAT_VERSION:
            release = one_line(str(header.get("release")))
            raise CommandError(
                f"{self._name} was written by the newer release {release}, in a format unknown to this one"
            )

    def _check_footer(self, line: bytes) -> None:
        footer = _object(line)
        counts = footer.get("documents")
        if not line.endswith(b"\n") or not isinstance(counts, dict) or None in map(_integer, counts.values()):
            raise CommandError(f"{self._name} is incomplete: its footer is missing. Export again")
        if next(self._lines, None) is not None:
            raise self._damaged("there are lines after the footer")
        if footer.get("sha256") != self._hash.hexdigest():
            raise CommandError(f"{self._name} was changed or damaged: its digest is not that of the footer")
        # The lines without the header and the footer.
        if sum(counts.values()) != self._number - 2:
            raise self._damaged(_WRONG_COUNTS)
        self.counts = counts

    def _document(self, line: bytes) -> tuple[Kind, Original]:
        value = _object(line)
        kind = _BY_NAME.get(str(value.get("kind")))
        if kind is None:
            raise self._damaged("it has no known kind of document")
        key, document = value.get("key"), value.get("document")
        version, created = (
            _integer(value.get("version"), 1, _MAX_VERSION),
            _integer(value.get("created"), high=_MAX_CREATED),
        )
        if (
            not isinstance(key, str)
            or not is_text(key)
            or not 0 < len(key.encode()) <= _MAX_KEY_BYTES
            or not isinstance(document, dict)
            or version is None
            or created is None
        ):
            raise self._damaged("it has no valid key, version, time of creation or document")
        return kind, Original(key, document, version, created)

    def _damaged(self, reason: str) -> CommandError:
        return CommandError(f"{self._name}, line {self._number}: {reason}")


def _object(line: bytes) -> dict[str, Any]:
    """Return the JSON object of a line, an empty one if it is something else."""
    try:
        value: Any = decode(line.decode())
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _integer(value: Any, low: int = LONG_MIN, high: int = LONG_MAX) -> int | None:
    """Return the value if it is an integer within the bounds, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None


@dataclass
class Count:
    """Numbers of documents of one kind. ``different``: the store has another one with the key, which is kept."""

    new: int = 0
    existing: int = 0
    different: int = 0
    refused: int = 0


class Restore:
    """Import the documents of an export. Documents in the store are never changed, so it can be repeated.

    ``report`` receives a line for each document that is different or refused. With ``is_trial`` nothing is
    written.
    """

    def __init__(
        self, repository: Repository, kinds: Sequence[Kind], *, is_trial: bool, report: Callable[[str], None]
    ) -> None:
        self._repository = repository
        self._is_trial = is_trial
        self._report = report
        self.counts = {kind.name: Count() for kind in kinds}

    def run(self, documents: Iterable[tuple[Kind, Original, int]], advance: Callable[[int], object]) -> None:
        """Import the documents of the kinds, and call ``advance`` with the number of each batch."""
        for kind, batch in _batches(documents):
            if kind.name in self.counts:
                self._store(kind, batch)
            advance(len(batch))

    def _store(self, kind: Kind, batch: list[Original]) -> None:
        count = self.counts[kind.name]
        outcomes = [False] * len(batch) if self._is_trial else self._repository.restore(kind, batch)
        for original, is_new in zip(batch, outcomes, strict=True):
            if is_new is None:
                count.refused += 1
                self._report(f"Refused {_named(kind, original)}: the store accepts no document of this size")
            elif is_new:
                count.new += 1
            else:
                self._compare(kind, original, count)

    def _compare(self, kind: Kind, original: Original, count: Count) -> None:
        """Compare a document that was not restored with the one in the store."""
        stored = self._repository.get(kind, original.key)
        if stored is None and self._is_trial:
            count.new += 1
        elif stored is None or same(stored.document, original.document):
            # The store has the same document, or it was deleted in the meantime.
            count.existing += 1
        else:
            count.different += 1
            self._report(f"Kept {_named(kind, original)}: the store has a different document with this id")


def _named(kind: Kind, original: Original) -> str:
    return f"{kind.title.lower()} {shown_id(original.key)}"


def _batches(documents: Iterable[tuple[Kind, Original, int]]) -> Iterator[tuple[Kind, list[Original]]]:
    """Yield consecutive documents of one kind in batches of bounded size."""
    batch: list[Original] = []
    current, bytes_ = None, 0
    for kind, original, length in documents:
        if batch and current and (kind is not current or len(batch) == _BATCH_SIZE or bytes_ > _BATCH_BYTES):
            yield current, batch
            batch, bytes_ = [], 0
        current = kind
        batch.append(original)
        bytes_ += length
    if current and batch:
        yield current, batch
