"""What a source gives."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind


class Found(NamedTuple):
    """A document as it lies in the source; nothing in it is checked yet.

    ``label`` is what an operator finds it by there. ``created``: microseconds since the epoch, None when the
    source does not say it.
    """

    kind: Kind
    label: str
    document: Document
    version: int = 1
    created: int | None = None


class Refused(NamedTuple):
    """Something that cannot be taken over, and why; ``kind`` is None when nobody can tell what it is."""

    kind: Kind | None
    label: str
    reason: str


class Source(Protocol):
    """Where the documents are. Every method may raise ``CommandError`` with one line."""

    def read(self, kind: Kind) -> Iterator[Found | Refused]:
        """All documents of the kind, in the same order each time."""
        ...

    def strays(self) -> Iterator[Refused]:
        """What is there and of no kind."""
        ...

    def close(self) -> None:
        """Let go of the source."""
        ...
