# SPDX-License-Identifier: Apache-2.0
"""The documents that a source of an import yields."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind


class Found(NamedTuple):
    """A document of the source that is not yet validated.

    ``label`` is its id in the source. ``created`` is in microseconds since the epoch, None if it is unknown.
    """

    kind: Kind
    label: str
    document: Document
    version: int = 1
    created: int | None = None


class Refused(NamedTuple):
    """A document that cannot be imported, and the reason. ``kind`` is None if it is unknown."""

    kind: Kind | None
    label: str
    reason: str


class Source(Protocol):
    """A source of documents. Every method may raise ``CommandError`` with one line."""

    def read(self, kind: Kind) -> Iterator[Found | Refused]:
        """Yield all documents of the kind, in the same order at each call."""
        ...

    def strays(self) -> Iterator[Refused]:
        """Yield the entries that are not documents of a known kind."""
        ...

    def close(self) -> None:
        """Close the source."""
        ...
