"""The repository's promise. ``tests/contract`` holds every driver to it, on real servers.

* A write that returned is durable: neither ``kill -9`` nor a power cut undoes it. One that raised left nothing,
  unless it raised :class:`~freezer_api.errors.Unavailable`: then it may or may not have happened.
* Read your writes: what a write left is seen by every later ``get`` and ``search`` of any process.
* A document is given back exactly as it came, whatever its keys and values.
* Nothing is merged here: a change is read, made, and replaced under its token, so of two changes made from
  the same reading one loses and is told so.
* A store that cannot be reached or does not answer in time raises ``Unavailable`` within a bound; an empty
  page never stands for trouble.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind
from freezer_api.repository.query import Position, Query


class Stored(NamedTuple):
    """A document as it stands in the store.

    ``version`` counts 1, 2, 3 ... from its creation. ``token`` is opaque: it is another one after every change,
    and never the same again, not even when the key is deleted and created anew.
    """

    key: str
    document: Document
    version: int
    token: str


class Original(NamedTuple):
    """A document as it stood in another store: with the version and the time of creation, in microseconds since
    the epoch, that it had there.
    """

    key: str
    document: Document
    version: int
    created: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some documents of a search, in its order.

    ``next``: where a later search may go on, None when there is nothing more. ``total``: the number of documents
    that fit the conditions, regardless of limit, offset and position; None unless it was asked for.
    """

    items: Sequence[Stored]
    next: Position | None
    total: int | None


class Repository(Protocol):
    """Documents of all kinds. Every method may raise ``Unavailable`` or ``StoreFailed``.

    Where a kind is ``keyed_by_id`` the key of a document is the id in it. Threads and forked processes may share a
    repository.
    """

    def create(self, kind: Kind, key: str, document: Document) -> Stored:
        """Store a new document, version 1. ``AlreadyExists`` when the key is taken: of many at once one wins, and
        searches see its document when the others return.
        """
        ...

    def create_all(self, kind: Kind, documents: Mapping[str, Document]) -> dict[str, Stored]:
        """Create these documents by their keys, each as :meth:`create` does, and return those whose key was free.

        Lists have them in this order. It costs less than as many calls of :meth:`create`. After an error any of
        them may have been created.
        """
        ...

    def restore(self, kind: Kind, originals: Sequence[Original]) -> list[bool]:
        """Store these documents as they were elsewhere; of each, in order, whether it was stored.

        One whose key is taken, by another of them too, changes nothing. Lists have them where their time of
        creation puts them, those of one time in the order of their keys. Each is stored whole or not at all; after
        an error any of them may have been, and to restore them again completes it. A document that was deleted and
        is restored may get a token that it had before.
        """
        ...

    def get(self, kind: Kind, key: str) -> Stored | None:
        """The current document, None when there is none. Any text may be asked for."""
        ...

    def replace(self, kind: Kind, key: str, document: Document, token: str) -> Stored:
        """Put ``document`` in the place of the one with this token. ``Conflict`` when that is not current."""
        ...

    def delete(self, kind: Kind, key: str, token: str) -> None:
        """Delete the document with this token. ``Conflict`` when that is not current."""
        ...

    def search(self, kind: Kind, query: Query) -> Page:
        """Documents that fit every condition, oldest first, those that ``query.exact_first`` names before all.

        ``SearchTooLong`` if it is stopped at ``query.max_seconds``: never a part of the page.
        """
        ...

    def now(self) -> int:
        """Return the time in epoch seconds, by the clock that all processes share if the store has one."""
        ...

    def check(self) -> None:
        """Return when the store is there and its layout is the current one; else raise."""
        ...

    def close(self) -> None:
        """Let go of connections; the repository is not used afterwards."""
        ...
