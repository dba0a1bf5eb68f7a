# SPDX-License-Identifier: Apache-2.0
"""Keep a database connection for each thread."""

import threading
import weakref
from collections.abc import Callable

from sqlalchemy import Connection, Engine


class ThreadConnections:
    """Gives every thread its own connection of ``engine``, which is returned when the thread ends.

    ``is_usable`` checks the connection of a thread before each use; if it is not usable any more, or was
    invalidated, the thread gets another one. At most ``maximum`` threads keep theirs, if it is set; other
    threads take one for each use.
    """

    def __init__(
        self, engine: Engine, is_usable: Callable[[Connection], bool], maximum: int | None = None
    ) -> None:
        self._engine = engine
        self._is_usable = is_usable
        self._maximum = maximum
        self._start()

    def _start(self) -> None:
        self._local = threading.local()
        self._lock = threading.Lock()
        self._all: weakref.WeakSet[Connection] = weakref.WeakSet()

    def take(self) -> Connection:
        """Return the connection of this thread, for use until :meth:`give_back`."""
        kept: Connection | None = getattr(self._local, "connection", None)
        if kept is not None and not kept.invalidated and self._is_usable(kept):
            return kept
        if kept is not None:
            self._drop(kept)
        taken = self._engine.connect()
        with self._lock:
            if self._maximum is None or len(self._all) < self._maximum:
                self._all.add(taken)
                self._local.connection = taken
        return taken

    def _drop(self, kept: Connection) -> None:
        self._local.connection = None
        with self._lock:
            self._all.discard(kept)
        kept.invalidate()
        kept.close()

    def give_back(self, taken: Connection) -> None:
        """Return the connection to the engine unless this thread keeps it."""
        if taken is not getattr(self._local, "connection", None):
            taken.close()

    def close(self) -> None:
        """Close all connections, those of other threads too."""
        with self._lock:
            kept = list(self._all)
        for connection in kept:
            connection.close()
        self._start()
        self._engine.dispose()
