# SPDX-License-Identifier: Apache-2.0
"""A SQLite file as a store: connections, serialized writes, and the classification of errors."""

import logging
import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Delete, Engine, Select, Update, create_engine, event, func, insert, select
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from freezer_api.documents.kind import Kind
from freezer_api.documents.search_index import MAX_VALUES
from freezer_api.errors import (
    TOO_LARGE,
    CommandError,
    FreezerError,
    SearchTooLong,
    StoreFailed,
    TooLarge,
    Unavailable,
)
from freezer_api.repository.outages import CHECKING, EVERYWHERE, READING, WRITING, Call, Outages
from freezer_api.repository.sql.admin import SQLAdmin, check_version, current_version
from freezer_api.repository.sql.bounded_calls import BoundedCalls, StillRunning
from freezer_api.repository.sql.compiled import compile_select
from freezer_api.repository.sql.connections import ThreadConnections
from freezer_api.repository.sql.repository import KeyExists, SQLRepository
from freezer_api.repository.sql.schema import TABLES

LOG = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_PRAGMAS = (
    # With FULL, an acknowledged write survives a power cut, not only a crash of the process.
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -8000",
    "PRAGMA temp_store = MEMORY",
    # The size in bytes to which a larger write-ahead log is truncated.
    "PRAGMA journal_size_limit = 67108864",
)

_BUSY_TIMEOUT = 0.003
"""Seconds for which SQLite itself waits for a writer in another process, before this process retries. With a
longer timeout SQLite pauses up to 100 ms between two attempts, so a process starves if others are busy.
"""

_PROGRESS_INTERVAL = 2_000
"""Steps of SQLite's virtual machine between two calls of the progress handler: a millisecond of a scan, or more,
because one step may scan a large document. The handler needs the interpreter, which other threads use, too.
"""

_INTERRUPT_TIMEOUT = 3.0
"""Seconds in which a call has to return after its time limit, because SQLite notices an interruption late."""

_BROKEN = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
    }
)
"""Errors after which the connection is replaced, because the file may be repaired meanwhile."""

_UNAVAILABLE = _BROKEN | {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_SCHEMA,
}


class _Outage(Unavailable):
    """The file cannot be used at present. ``reason``: the driver's message, for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class SQLiteRepository(SQLRepository):
    """Documents in the file that ``admin.sync`` has created.

    Each thread reads over a connection that it keeps; all writers share one. Transactions that write run one after
    the other, so that creations are seen in the order of their time. ``timeout``: seconds that a write waits for
    other writers. ``connections``: number of reading connections that stay open when their threads have ended.
    ``read_timeout``: seconds for one read. ``clock`` returns microseconds since the epoch.
    """

    takes_lists = True
    creates_many = True

    def __init__(
        self,
        path: Path,
        *,
        timeout: float = 5.0,
        connections: int = 8,
        read_timeout: float = 5.0,
        max_values: int = MAX_VALUES,
    ) -> None:
        super().__init__(max_values)
        self.clock: Callable[[], int] = lambda: time.time_ns() // 1000
        self._timeout = timeout
        self._read_timeout = read_timeout
        self.reading = sqlite_engine(path, timeout=timeout, connections=connections, max_overflow=-1, create=False)
        event.listen(self.reading, "connect", _watch_deadline)
        self.writing = sqlite_engine(path, timeout=timeout, busy_timeout=_BUSY_TIMEOUT, create=False)
        event.listen(self.writing, "begin", _begin_immediate)
        for engine in (self.reading, self.writing):
            event.listen(engine, "handle_error", _replace_error, retval=True)
        file = str(path.absolute())
        self.connections = ThreadConnections(self.reading, lambda kept: bool(kept.info["file"] == _identity(file)))
        self._outages = Outages()
        self._calls = BoundedCalls(partial(self._outages.answered, EVERYWHERE))
        self.write_lock = threading.Lock()
        self._inserts = {name: insert(table.table).inline() for name, table in TABLES.items()}
        self._newest = {name: select(func.max(table.table.c.created)) for name, table in TABLES.items()}

    def _call(self, place: str, seconds: float, work: Callable[[Call], _Result]) -> _Result:
        with self._outages.call(place, seconds) as call:
            try:
                result = self._calls.call(partial(work, call), call.end - call.begun + _INTERRUPT_TIMEOUT)
            except _Outage as error:
                call.unanswered(error.reason)
            except (KeyExists, FreezerError):
                call.answered()
                raise
            except StillRunning:
                call.unanswered("the file system does not answer", everywhere=True)
            else:
                call.answered()
                return result
        raise Unavailable

    def _write(self, work: Callable[[Connection], _Result]) -> _Result:
        def _write_alone(call: Call) -> _Result:
            lock = self.write_lock
            if not lock.acquire(timeout=max(0.0, call.end - time.monotonic())):
                raise _Outage("other requests are writing")
            try:
                with self.writing.connect() as connection:
                    connection.info["deadline"] = call.end
                    with connection.begin():
                        return work(connection)
            except IntegrityError:
                raise KeyExists from None
            finally:
                lock.release()

        return self._call(WRITING, self._timeout, _write_alone)

    def _read(
        self, statement: Select[Any], values: Mapping[str, Any], max_seconds: float | None = None
    ) -> Sequence[Any]:
        compiled = compile_select(statement)
        seconds = self._read_timeout if max_seconds is None else max_seconds
        bound = compiled.bind(values)
        found = self._call(READING, seconds, lambda _call: self._fetch(*bound, max_seconds))
        return list(map(compiled.name_columns, found))

    def _reader(self, seconds: float) -> Connection:
        """Return the connection of this thread, with a time limit for its next statement."""
        connection = self.connections.take()
        connection.info["deadline"] = time.monotonic() + seconds
        return connection

    def _fetch(self, statement: str, parameters: Sequence[Any], max_seconds: float | None) -> list[Any]:
        connection = self._reader(self._read_timeout if max_seconds is None else max_seconds)
        driver: Any = connection.connection.driver_connection
        try:
            found: list[Any] = driver.execute(statement, parameters).fetchall()
        except (sqlite3.Error, ValueError) as error:
            if _code(error) in _BROKEN:
                connection.invalidate()
            if max_seconds is not None and _code(error) == sqlite3.SQLITE_INTERRUPT:
                raise SearchTooLong(max_seconds) from None
            raise _classify(error) from None
        return found

    def _create(self, kind: Kind, rows: Sequence[dict[str, Any]]) -> int:
        def _insert(connection: Connection) -> int:
            newest = connection.execute(self._newest[kind.name]).scalar()
            # The clock may have been set back since the last creation.
            created = self.clock() if newest is None else max(self.clock(), newest + 1)
            # A row takes longer than a microsecond, so the last time has passed when others write again.
            timed = [{**row, "created": created + number} for number, row in enumerate(rows)]
            connection.execute(self._inserts[kind.name], timed)
            return created

        return self._write(_insert)

    def _restore(self, kind: Kind, rows: Sequence[dict[str, Any]]) -> None:
        self._write(lambda connection: connection.execute(self._inserts[kind.name], rows))

    def _change(self, statement: Update | Delete, values: Mapping[str, Any]) -> bool:
        return self._write(lambda connection: connection.execute(statement, values).rowcount > 0)

    def now(self) -> int:
        return self.clock() // 1_000_000

    def check(self) -> None:
        seconds = self._read_timeout
        check_version(self._call(CHECKING, seconds, lambda _call: current_version(self._reader(seconds))))

    def close(self) -> None:
        if self._calls.are_stuck:
            # Leave connections that are in use open, because closing one of them would end the process.
            return
        self._calls.close()
        self.connections.close()
        self.writing.dispose()


class FileAdmin(SQLAdmin):
    """The administration of the tables in the file at ``path``, which it creates in a directory for the owner."""

    def __init__(self, path: Path, max_values: int = MAX_VALUES) -> None:
        super().__init__(sqlite_engine(path), max_values)
        self._path = path

    def _exists(self) -> bool:
        return self._path.exists()

    def _prepare(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def _command_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, DBAPIError, CommandError) as error:
            reason = error.strerror if isinstance(error, OSError) else getattr(error, "orig", error)
            raise CommandError(f"cannot use the data file {self._path}: {reason}") from None


def sqlite_engine(
    path: Path,
    *,
    timeout: float = 5.0,
    busy_timeout: float | None = None,
    connections: int = 1,
    max_overflow: int = 0,
    create: bool = True,
) -> Engine:
    """Return an engine whose driver begins no transactions: a statement by itself commits by itself.

    ``timeout``: seconds to wait for a free connection, and for a process that creates the file. ``busy_timeout``:
    seconds for which a statement waits for other processes, by default the same. ``create``: create the file if it
    does not exist.
    """
    file = str(path.absolute())
    waiting = timeout if busy_timeout is None else busy_timeout
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"

    def _connect() -> sqlite3.Connection:
        if create:
            # Only the owner can read the file. SQLite creates its WAL and other files with the same mode.
            os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(uri, uri=True, timeout=waiting, isolation_level=None, check_same_thread=False)
        with ExitStack() as on_error:
            on_error.callback(connection.close)
            # The file keeps this mode. Retry, because SQLite does not wait for a process that creates the file.
            _execute_when_free(connection, "PRAGMA journal_mode = WAL", time.monotonic() + timeout, _BUSY_TIMEOUT)
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            on_error.pop_all()
        return connection

    engine = create_engine(
        "sqlite://",
        creator=_connect,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=max_overflow,
        pool_use_lifo=True,
        pool_timeout=timeout,
        hide_parameters=True,
    )
    _drop_connections_to_other_files(engine, file)
    return engine


def _execute_when_free(
    connection: sqlite3.Connection, statement: str, deadline: float, interval: float = 0
) -> None:
    """Execute the statement, with retries until the deadline while other processes lock the file."""
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(interval)
        else:
            return


def _drop_connections_to_other_files(engine: Engine, file: str) -> None:
    """Drop connections to a file that was removed or replaced: writes to it would be lost without an error."""

    @event.listens_for(engine, "connect")
    def _note_identity(_connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        record.info["file"] = _identity(file)

    @event.listens_for(engine, "checkout")
    def _compare(
        _connection: sqlite3.Connection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection
    ) -> None:
        if record.info["file"] != _identity(file):
            raise DisconnectionError("another file")


def _identity(file: str) -> tuple[int, int] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _watch_deadline(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    """Interrupt statements some time after the deadline of the connection."""
    connection.set_progress_handler(
        lambda: time.monotonic() > record.info.get("deadline", math.inf), _PROGRESS_INTERVAL
    )


def _begin_immediate(connection: Connection) -> None:
    """Begin a transaction as the only writer; ``_Outage`` if other processes write until the deadline."""
    driver: Any = connection.connection.driver_connection
    try:
        _execute_when_free(driver, "BEGIN IMMEDIATE", connection.info.get("deadline", math.inf))
    except sqlite3.OperationalError as error:
        raise _Outage(str(error)) from None


def _replace_error(context: ExceptionContext) -> Exception | None:
    """Return the error that SQLAlchemy raises in place of the driver's."""
    error = context.original_exception
    if isinstance(error, sqlite3.IntegrityError) or not isinstance(error, Exception):
        # SystemExit and KeyboardInterrupt are not errors of the store.
        return None
    if _code(error) in _BROKEN:
        context.is_disconnect = True
    return _classify(error)


def _code(error: BaseException) -> int:
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def _classify(error: BaseException) -> FreezerError:
    """Return the error to raise in place of the driver's, whose message is logged only."""
    # The error means that the file or a table is missing.
    is_missing = str(error).startswith("no such ") or _code(error) == sqlite3.SQLITE_CANTOPEN
    if is_missing or _code(error) in _UNAVAILABLE:
        hint = "; if the store is new, run 'freezer-manage db sync'" if is_missing else ""
        return _Outage(f"{error}{hint}")
    if _code(error) == sqlite3.SQLITE_TOOBIG:
        LOG.error("The SQL store refuses a statement for its size: %s", error)
        return TooLarge(TOO_LARGE)
    LOG.error("The SQL store failed: %s", type(error).__name__ if isinstance(error, ValueError) else error)
    return StoreFailed()
