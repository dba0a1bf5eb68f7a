"""Taking turns: one thread at a time, in the order in which they asked."""

import os
import threading
import weakref
from collections import deque
from functools import partial
from types import TracebackType

from freezer_api.errors import Unavailable


class Turns:
    """A lock that is handed on to who has waited longest; ``Unavailable`` after ``timeout`` seconds.

    A plain lock, and a pool of one connection, may go again and again to the thread that has just let go of it.
    A forked process starts with no turn taken.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self.restart()
        os.register_at_fork(after_in_child=partial(_restart, weakref.ref(self)))

    def restart(self) -> None:
        """Forget who has the turn and who waits."""
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        with self._lock:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if not mine.acquire(timeout=self._timeout):
            self._give_up(mine)

    def _give_up(self, mine: threading.Lock) -> None:
        with self._lock:
            # Else the turn has come in this very moment.
            if mine in self._waiting:
                self._waiting.remove(mine)
                raise Unavailable

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


def _restart(held: "weakref.ref[Turns]") -> None:
    turns = held()
    if turns is not None:
        turns.restart()
