"""A store whose calls by several threads take turns, in an order that a number decides: the same one every time.

.. code-block:: python

    store = Interleaved(real)
    answers = store.at_once(seed, [join, leave])    # each of them makes calls to ``store``
"""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind
from freezer_api.repository.protocol import Original, Page, Repository, Stored
from freezer_api.repository.query import Query

T = TypeVar("T")


class _Turns:
    """Between two calls of one thread any number of calls of the others find place."""

    def __init__(self, seed: int, threads: int) -> None:
        self._random = random.Random(seed)
        self._at_work = threads
        self._waiting: list[int] = []
        self._next: int | None = None
        self._changed = threading.Condition()

    def wait(self, number: int) -> None:
        """Wait for the turn of the thread of this number."""
        with self._changed:
            self._waiting.append(number)
            self._choose()
            self._changed.wait_for(lambda: self._next == number)
            self._waiting.remove(number)
            self._next = None

    def leave(self) -> None:
        """A thread has no further calls to make."""
        with self._changed:
            self._at_work -= 1
            self._choose()

    def _choose(self) -> None:
        # Only when each of them has come to its next call, as who comes first is chance.
        if self._waiting and len(self._waiting) == self._at_work:
            self._next = self._random.choice(sorted(self._waiting))
            self._changed.notify_all()


class Interleaved:
    """Delegates to ``store``."""

    def __init__(self, store: Repository) -> None:
        self._store = store
        self._mine = threading.local()

    def at_once(self, seed: int, works: Sequence[Callable[[], T]]) -> list[T]:
        """What each of them returns, in their order; each runs in a thread of its own."""
        turns = _Turns(seed, len(works))

        def run(number: int) -> T:
            self._mine.wait = lambda: turns.wait(number)
            try:
                return works[number]()
            finally:
                turns.leave()

        with ThreadPoolExecutor(len(works)) as threads:
            return list(threads.map(run, range(len(works))))

    def create(self, kind: Kind, key: str, document: Document) -> Stored:
        return self._in_turn(self._store.create, kind, key, document)

    def create_all(self, kind: Kind, documents: Mapping[str, Document]) -> dict[str, Stored]:
        return self._in_turn(self._store.create_all, kind, documents)

    def restore(self, kind: Kind, originals: Sequence[Original]) -> list[bool]:
        return self._in_turn(self._store.restore, kind, originals)

    def get(self, kind: Kind, key: str) -> Stored | None:
        return self._in_turn(self._store.get, kind, key)

    def replace(self, kind: Kind, key: str, document: Document, token: str) -> Stored:
        return self._in_turn(self._store.replace, kind, key, document, token)

    def delete(self, kind: Kind, key: str, token: str) -> None:
        self._in_turn(self._store.delete, kind, key, token)

    def search(self, kind: Kind, query: Query) -> Page:
        return self._in_turn(self._store.search, kind, query)

    def now(self) -> int:
        return self._store.now()

    def check(self) -> None:
        self._store.check()

    def close(self) -> None:
        self._store.close()

    def _in_turn(self, call: Callable[..., T], *arguments: Any) -> T:
        wait = getattr(self._mine, "wait", None)
        if wait is not None:
            wait()
        return call(*arguments)
