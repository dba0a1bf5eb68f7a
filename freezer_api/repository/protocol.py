# SPDX-License-Identifier: Apache-2.0
"""The guarantees of the repository. ``tests/contract`` verifies them for every driver, on real servers.

* A write that returned is durable: it survives ``kill -9`` and a power cut. A write that raised changed nothing,
  unless it raised :class:`~freezer_api.errors.Unavailable`: then it may or may not have happened.
* A write that returned is visible to every later ``get`` and ``search`` of any process.
* A document is returned unchanged, whatever its keys and values.
* Documents are not merged. A change reads the document, modifies it and replaces it only if its token is still
  current. Of two changes to the same version, one raises ``Conflict``.
* A store that cannot be reached or does not answer in time raises ``Unavailable`` within a bound. The driver never
  returns an empty page instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind
from freezer_api.repository.query import Position, Query


class Stored(NamedTuple):
    """A document in the store.

    ``version`` is 1 at the creation and grows by 1 with each change. ``token`` is opaque. It differs after every
    change and is never repeated, even if the key is deleted and created again. ``created``: see :class:`Original`.
    """

    key: str
    document: Document
    version: int
    token: str
    created: int


class Original(NamedTuple):
    """A document of another store, with its version and time of creation (microseconds since the epoch) there."""

    key: str
    document: Document
    version: int
    created: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the documents that a search found, in order.

    ``end``: the position of the last one, None if there are none. ``has_more``: whether others follow. ``total``:
    the number of documents that meet the conditions, regardless of limit, offset and position; None unless it was
    requested.
    """

    items: Sequence[Stored]
    end: Position | None
    has_more: bool
    total: int | None

    @property
    def next(self) -> Position | None:
        """The position from which another search continues, None at the end."""
        return self.end if self.has_more else None


class Repository(Protocol):
    """Documents of all kinds. Every method may raise ``Unavailable`` or ``StoreFailed``.

    Where a kind is ``keyed_by_id`` the key of a document is the id in it. Threads may share a repository.
    Processes may share one that was not used before they were forked.
    """

    def create(self, kind: Kind, key: str, document: Document) -> Stored:
        """Store a new document, version 1. Raises ``AlreadyExists`` if the key is taken.

        Of concurrent creations of one key one succeeds. When the others raise, searches already find its document.
        """
        ...

    def create_all(self, kind: Kind, documents: Mapping[str, Document]) -> dict[str, Stored]:
        """Create documents by their keys, each as :meth:`create` does, and return those whose key was free.

        Lists have them in this order. It costs less than as many calls of :meth:`create`. After an error any of
        them may exist.
        """
        ...

    def restore(self, kind: Kind, originals: Sequence[Original]) -> list[bool | None]:
        """Store documents of another store, and return for each whether its key was free, None if it is too
        large for the store.

        A document is omitted if its key is taken, also by another of these documents. Lists are in the order of
        the times of creation, then of the keys. Each document is stored whole or not at all. After an error any of
        them may exist, and a repeated call completes the work. A document that was deleted and is restored may get
        a token that it had before.
        """
        ...

    def get(self, kind: Kind, key: str) -> Stored | None:
        """Return the current document, None if it does not exist. The key may be any text."""
        ...

    def replace(self, kind: Kind, key: str, document: Document, token: str) -> Stored:
        """Replace the document with this token. Raises ``Conflict`` if the token is not current."""
        ...

    def delete(self, kind: Kind, key: str, token: str) -> None:
        """Delete the document with this token. Raises ``Conflict`` if the token is not current."""
        ...

    def search(self, kind: Kind, query: Query) -> Page:
        """Return documents that meet all conditions, oldest first, after those that match ``query.exact_first``.

        Raises ``SearchTooLong``, and never returns a partial page, at ``query.max_seconds``.
        """
        ...

    def now(self) -> int:
        """Return the time in epoch seconds, by the store's clock if it has one."""
        ...

    def check(self) -> None:
        """Raise ``Unavailable`` unless the store is available and has the layout of this release."""
        ...

    def close(self) -> None:
        """Close all connections. The repository cannot be used afterwards."""
        ...
