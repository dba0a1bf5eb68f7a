"""Taking turns: one thread at a time, in the order in which they asked."""

import os
import threading
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial


class Turns:
    """A lock that is handed on to the thread that has waited longest.

    A plain lock, and a pool of one connection, may go again and again to the thread that has just let go of it.
    A forked process starts with no turn taken.
    """

    def __init__(self) -> None:
        self.restart()
        os.register_at_fork(after_in_child=partial(_restart, weakref.ref(self)))

    def restart(self) -> None:
        """Forget who has the turn and who waits."""
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    @contextmanager
    def taken(self, seconds: float) -> Iterator[None]:
        """Take a turn; ``TimeoutError`` when it does not come within so many seconds."""
        self._take(seconds)
        try:
            yield
        finally:
            self._hand_on()

    def _take(self, seconds: float) -> None:
        with self._lock:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if not mine.acquire(timeout=max(0.0, seconds)):
            self._give_up(mine)

    def _give_up(self, mine: threading.Lock) -> None:
        with self._lock:
            # Else the turn has come in this very moment.
            if mine in self._waiting:
                self._waiting.remove(mine)
                raise TimeoutError

    def _hand_on(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


def _restart(held: "weakref.ref[Turns]") -> None:
    turns = held()
    if turns is not None:
        turns.restart()
