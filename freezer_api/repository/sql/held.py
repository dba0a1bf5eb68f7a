"""Connections for reading: each thread keeps the one it has, as taking one from a pool costs more than a read."""

import os
import threading
import weakref
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection, Engine


class HeldConnections:
    """Gives every thread a connection of its own from ``engine``.

    ``is_good`` is asked before each use; a connection that is not good any more, or that was invalidated, is let
    go and another one taken. A forked process starts with none.
    """

    def __init__(self, engine: Engine, is_good: Callable[[Connection], bool]) -> None:
        self._engine = engine
        self._is_good = is_good
        self._local = threading.local()
        os.register_at_fork(after_in_child=partial(_forget, weakref.ref(self)))

    def __call__(self) -> Connection:
        held: Connection | None = getattr(self._local, "connection", None)
        if held is not None and not held.invalidated and self._is_good(held):
            return held
        if held is not None:
            self._local.connection = None
            held.close()
        held = self._local.connection = self._engine.connect()
        return held

    def forget(self) -> None:
        """Start anew, leaving the connections as they are."""
        self._local = threading.local()

    def close(self) -> None:
        """Let go of all connections; those that other threads use are closed when these end."""
        held: Connection | None = getattr(self._local, "connection", None)
        if held is not None:
            held.close()
        self._local = threading.local()
        self._engine.dispose()


def _forget(held: "weakref.ref[HeldConnections]") -> None:
    connections = held()
    if connections is not None:
        connections.forget()
