# SPDX-License-Identifier: Apache-2.0
"""A store whose calls by several threads take turns, in a reproducible order that depends on a seed.

.. code-block:: python

    store = Interleaved(real)
    answers = store.at_once(seed, [join, leave])    # both call ``store``
"""

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from freezer_api.repository.protocol import Repository

T = TypeVar("T")


class _Turns:
    """The order of the threads' calls: chooses, by the seed, the thread that makes the next call."""

    def __init__(self, seed: int, threads: int) -> None:
        self._random = random.Random(seed)
        self._at_work = threads
        self._waiting: list[int] = []
        self._next: int | None = None
        self._changed = threading.Condition()

    def wait(self, number: int) -> None:
        """Wait until it is the turn of the thread with this number."""
        with self._changed:
            self._waiting.append(number)
            self._choose()
            self._changed.wait_for(lambda: self._next == number)
            self._waiting.remove(number)
            self._next = None

    def leave(self) -> None:
        """Record that a thread makes no more calls."""
        with self._changed:
            self._at_work -= 1
            self._choose()

    def _choose(self) -> None:
        # Choose only when all threads wait for their next call, because the order in which they arrive is random.
        if self._waiting and len(self._waiting) == self._at_work:
            self._next = self._random.choice(sorted(self._waiting))
            self._changed.notify_all()


class Interleaved:
    """A store that delegates calls to ``store`` in the chosen order."""

    def __init__(self, store: Repository) -> None:
        self._store = store
        self._mine = threading.local()

    def at_once(self, seed: int, works: Sequence[Callable[[], T]]) -> list[T]:
        """Run each callable in its own thread and return their results in order."""
        turns = _Turns(seed, len(works))

        def run(number: int) -> T:
            self._mine.wait = lambda: turns.wait(number)
            try:
                return works[number]()
            finally:
                turns.leave()

        with ThreadPoolExecutor(len(works)) as threads:
            return list(threads.map(run, range(len(works))))

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        return method if name in ("now", "check", "close") else partial(self._in_turn, method)

    def _in_turn(self, call: Callable[..., T], *arguments: Any) -> T:
        wait = getattr(self._mine, "wait", None)
        if wait is not None:
            wait()
        return call(*arguments)
