"""Connections that threads keep, as taking one from a pool and giving it back costs more than a read."""

import os
import threading
import weakref
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection, Engine


class HeldConnections:
    """Gives every thread a connection of its own from ``engine``, which gets it back when the thread ends.

    ``is_good`` is asked before each use; a connection that is not good any more, or that was invalidated, is let
    go and another one taken. No more than ``most`` threads keep theirs, unless it is None; the others have to give
    it back. A forked process starts with none.
    """

    def __init__(self, engine: Engine, is_good: Callable[[Connection], bool], most: int | None = None) -> None:
        self._engine = engine
        self._is_good = is_good
        self._most = most
        self._left_to_parent: list[Connection] = []
        self._start()
        os.register_at_fork(after_in_child=partial(_forget, weakref.ref(self)))

    def _start(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self._all: weakref.WeakSet[Connection] = weakref.WeakSet()

    def __call__(self) -> Connection:
        held: Connection | None = getattr(self._local, "connection", None)
        if held is not None and not held.invalidated and self._is_good(held):
            return held
        if held is not None:
            self._drop(held)
        taken = self._engine.connect()
        with self._lock:
            if self._most is None or len(self._all) < self._most:
                self._all.add(taken)
                self._local.connection = taken
        return taken

    def _drop(self, held: Connection) -> None:
        self._local.connection = None
        with self._lock:
            self._all.discard(held)
        held.close()

    def give_back(self, taken: Connection) -> None:
        """Give it back unless this thread keeps it."""
        if taken is not getattr(self._local, "connection", None):
            taken.close()

    def forget(self) -> None:
        """Start anew in a forked process. What was held is the parent's: it is kept, so that nothing closes it."""
        self._left_to_parent += self._all
        self._start()

    def close(self) -> None:
        """Close all connections, those of other threads too: nobody reads any more."""
        with self._lock:
            held = list(self._all)
        for connection in held:
            connection.close()
        self._start()
        self._engine.dispose()


def _forget(held: "weakref.ref[HeldConnections]") -> None:
    connections = held()
    if connections is not None:
        connections.forget()
