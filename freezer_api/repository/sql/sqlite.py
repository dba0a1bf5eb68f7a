"""SQLite as a store: how its file is opened, how writers wait for each other, and what its errors mean."""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    Connection,
    CursorResult,
    Delete,
    Engine,
    Select,
    Update,
    create_engine,
    event,
    func,
    insert,
    select,
)
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
from freezer_api.repository.sql.access import Taken
from freezer_api.repository.sql.admin import SQLAdmin, check_version, current_version
from freezer_api.repository.sql.companions import Companions, Stuck
from freezer_api.repository.sql.compiled import compile_select
from freezer_api.repository.sql.connections import ThreadConnections, renew_after_fork
from freezer_api.repository.sql.fair_lock import Turns
from freezer_api.repository.sql.repository import SQLRepository
from freezer_api.repository.sql.schema import TABLES

LOG = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_PRAGMAS = (
    # An acknowledged write survives a power cut, not only a crash of the process.
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -8000",
    "PRAGMA temp_store = MEMORY",
    # A log that once grew large gives its room back.
    "PRAGMA journal_size_limit = 67108864",
)

_WRITER_PATIENCE = 0.003
"""Seconds for which SQLite itself waits for another writer. Left to itself it pauses up to 100 ms between two
tries, and a process beside busy others starves; so it is asked anew again and again, with its short pauses.
"""

_STEPS_UNWATCHED = 2_000
"""Steps of SQLite's machine: a millisecond of a scan, more where documents are large, as one step may scan a whole
one. Asking needs the interpreter, which others use, too.
"""

_GRACE = 3.0
"""Seconds in which a call has to return that was given up, as far as SQLite can be told so."""

_BROKEN = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
    }
)
"""After these a connection is not used again: the next one may find a file that was put right."""

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


class _Away(Unavailable):
    """``reason`` is the driver's, for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class SQLiteAccess:
    """One file: every thread reads over a connection that it keeps, and writers take turns at one.

    Transactions that write come one after the other, so that creations are seen in the order of their time; the
    threads of this process wait for theirs in ``turn``. ``clock`` gives microseconds since the epoch.

    Everything is done in companions, as nothing else bounds a call to a file system that hangs. ``timeout`` in
    seconds bounds the wait for other writers, ``longest_read`` the work for one answer.
    """

    takes_lists = True
    creates_many = True

    def __init__(
        self,
        reading: Engine,
        writing: Engine,
        *,
        is_good: Callable[[Connection], bool],
        timeout: float,
        longest_read: float,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self.reading = reading
        self.connections = ThreadConnections(reading, is_good)
        self.writing = writing
        self.turn = Turns()
        self.clock = clock
        self._timeout = timeout
        self._longest_read = longest_read
        self._outages = Outages()
        self._companions = Companions(partial(self._outages.answered, EVERYWHERE))
        self._inserts = {name: insert(table.table).inline() for name, table in TABLES.items()}
        self._newest = {name: select(func.max(table.table.c.created)) for name, table in TABLES.items()}

    def _called(self, place: str, seconds: float, work: Callable[[Call], _Result]) -> _Result:
        with self._outages.call(place, seconds) as call:
            try:
                result = self._companions.call(partial(work, call), call.end - call.begun + _GRACE)
            except _Away as error:
                call.unanswered(error.reason)
            except (Taken, FreezerError):
                call.answered()
                raise
            except Stuck:
                call.unanswered("the file system does not answer", everywhere=True)
            else:
                call.answered()
                return result
        raise Unavailable

    def _written(self, work: Callable[[Connection], _Result]) -> _Result:
        def in_turn(call: Call) -> _Result:
            try:
                with self.turn.taken(call.end - time.monotonic()), self.writing.connect() as connection:
                    connection.info["until"] = call.end
                    with connection.begin():
                        return work(connection)
            except TimeoutError:
                raise _Away("other requests are writing") from None
            except IntegrityError:
                raise Taken from None

        return self._called(WRITING, self._timeout, in_turn)

    def read(
        self, statement: Select[Any], values: Mapping[str, Any], max_seconds: float | None = None
    ) -> Sequence[Any]:
        compiled = compile_select(statement)
        seconds = self._longest_read if max_seconds is None else max_seconds
        bound = compiled.bind(values)
        return compiled.rows(self._called(READING, seconds, lambda _call: self._found(*bound, max_seconds)))

    def _found(self, statement: str, parameters: Sequence[Any], max_seconds: float | None) -> list[Any]:
        connection = self.connections.take()
        if max_seconds is not None:
            connection.info["deadline"] = time.monotonic() + max_seconds
        driver: Any = connection.connection.driver_connection
        try:
            found: list[Any] = driver.execute(statement, parameters).fetchall()
        except (sqlite3.Error, ValueError) as error:
            if _is_broken(error):
                connection.invalidate()
            if max_seconds is not None and _code(error) == sqlite3.SQLITE_INTERRUPT:
                raise SearchTooLong(max_seconds) from None
            raise _in_our_words(error) from None
        return found

    def create(self, kind: Kind, rows: Sequence[dict[str, Any]]) -> int:
        def _create(connection: Connection) -> int:
            newest = connection.execute(self._newest[kind.name]).scalar()
            # The clock may have been set back since.
            created = self.clock() if newest is None else max(self.clock(), newest + 1)
            # A row takes longer than a microsecond, so the last time has passed when others write again.
            timed = [{**row, "created": created + number} for number, row in enumerate(rows)]
            connection.execute(self._inserts[kind.name], timed)
            return created

        return self._written(_create)

    def restore(self, kind: Kind, rows: Sequence[dict[str, Any]]) -> None:
        self._written(lambda connection: connection.execute(self._inserts[kind.name], rows))

    def change(self, statement: Update | Delete, values: Mapping[str, Any]) -> bool:
        def _change(connection: Connection) -> bool:
            result: CursorResult[Any] = connection.execute(statement, values)
            return result.rowcount > 0

        return self._written(_change)

    def now(self) -> int:
        return self.clock() // 1_000_000

    def check(self) -> None:
        version = self._called(
            CHECKING, self._longest_read, lambda _call: current_version(self.connections.take())
        )
        check_version(version)

    def close(self) -> None:
        if self._companions.are_stuck:
            # Their connections are in use: closing one of those ends the process.
            return
        self.connections.close()
        self.writing.dispose()


def open_sqlite(
    path: Path,
    *,
    timeout: float = 5.0,
    connections: int = 8,
    longest_read: float = 5.0,
    max_values: int = MAX_VALUES,
) -> SQLRepository:
    """The repository in the file at ``path``, which ``admin.sync`` has made; see :func:`sqlite_access`."""
    return SQLRepository(
        sqlite_access(path, timeout=timeout, connections=connections, longest_read=longest_read), max_values
    )


def sqlite_access(path: Path, *, timeout: float, connections: int, longest_read: float) -> SQLiteAccess:
    """The way into the file.

    ``timeout`` in seconds bounds the wait for other writers, ``longest_read`` the work for one answer,
    ``connections`` is how many are kept when the threads that read with them end.
    """
    reading = _engine(path, timeout=timeout, connections=connections, patience=timeout, unbounded=True)
    _bound_reads(reading, longest_read)
    writing = _engine(path, timeout=timeout, connections=1, patience=_WRITER_PATIENCE)

    for engine in (reading, writing):
        event.listen(engine, "handle_error", _replaced, retval=True)

    event.listen(writing, "begin", _begin_writing)

    def _is_good(connection: Connection) -> bool:
        connection.info["deadline"] = time.monotonic() + longest_read
        return bool(connection.info["file"] == _identity(file))

    file = str(path.absolute())
    return SQLiteAccess(reading, writing, is_good=_is_good, timeout=timeout, longest_read=longest_read)


def sqlite_engine(path: Path, *, timeout: float, connections: int) -> Engine:
    """An engine for ``admin``, with the driver's own errors; makes the file at ``path`` if there is none."""
    return _engine(path, timeout=timeout, connections=connections, patience=timeout, create=True)


def sqlite_admin(path: Path, max_values: int = MAX_VALUES) -> SQLAdmin:
    """Return the administration of the tables in the file at ``path``. Nothing else makes the file."""
    return SQLAdmin(sqlite_engine(path, timeout=5.0, connections=1), _File(path), max_values)


class _File:
    """The file at ``path``, in a directory for its owner alone."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_there(self) -> bool:
        return self._path.exists()

    def make(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def reached(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CommandError(f"cannot use the data file {self._path}: {error.strerror}") from None
        except DBAPIError as error:
            raise CommandError(f"cannot use the data file {self._path}: {error.orig}") from None
        except CommandError as error:
            raise CommandError(f"cannot use the data file {self._path}: {error}") from None


def _engine(
    path: Path,
    *,
    timeout: float,
    connections: int,
    patience: float,
    create: bool = False,
    unbounded: bool = False,
) -> Engine:
    """The driver is told to leave transactions alone: a statement by itself commits by itself."""
    file = str(path.absolute())
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"

    def _connect() -> sqlite3.Connection:
        if create:
            _make_private(file)
        connection = sqlite3.connect(
            uri, uri=True, timeout=patience, isolation_level=None, check_same_thread=False
        )
        with ExitStack() as on_error:
            on_error.callback(connection.close)
            _log_ahead(connection, time.monotonic() + timeout)
            for pragma in _PRAGMAS:
                connection.execute(pragma)
            on_error.pop_all()
        return connection

    engine = create_engine(
        "sqlite://",
        creator=_connect,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=-1 if unbounded else 0,
        pool_use_lifo=True,
        pool_timeout=timeout,
        hide_parameters=True,
    )
    _hold_to_the_file(engine, file)
    renew_after_fork(engine)
    return engine


def _make_private(file: str) -> None:
    """Make the file, if there is none, for its owner alone; SQLite gives the files beside it the same mode."""
    os.close(os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _hold_to_the_file(engine: Engine, file: str) -> None:
    """Drop connections to a file that is not there any more: writes into it would be lost without a sound."""

    @event.listens_for(engine, "connect")
    def _remember(_connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        record.info["file"] = _identity(file)

    @event.listens_for(engine, "checkout")
    def _compare(
        _connection: sqlite3.Connection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection
    ) -> None:
        if record.info["file"] != _identity(file):
            raise DisconnectionError("another file")


def _bound_reads(engine: Engine, longest: float) -> None:
    """Interrupt what takes longer, more or less: SQLite asks only now and then whether to go on."""

    @event.listens_for(engine, "connect")
    def _watch(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        connection.set_progress_handler(lambda: time.monotonic() > record.info["deadline"], _STEPS_UNWATCHED)

    @event.listens_for(engine, "checkout")
    def _start(
        _connection: sqlite3.Connection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection
    ) -> None:
        record.info["deadline"] = time.monotonic() + longest


def _identity(file: str) -> tuple[int, int] | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _begin_writing(connection: Connection) -> None:
    """Begin a transaction as the only writer; ``_Away`` when others write until the call ends."""
    driver: Any = connection.connection.driver_connection
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if (
                error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                and time.monotonic() < connection.info["until"]
            ):
                continue
            raise _Away(str(error)) from None
        return


def _replaced(context: ExceptionContext) -> Exception | None:
    """What goes to the caller in place of the driver's error, by way of SQLAlchemy."""
    error = context.original_exception
    if isinstance(error, sqlite3.IntegrityError) or not isinstance(error, Exception):
        # What ends the process is no error of the store.
        return None
    if _is_broken(error):
        context.is_disconnect = True
    return _in_our_words(error)


def _is_broken(error: BaseException) -> bool:
    return _code(error) in _BROKEN


def _code(error: BaseException) -> int:
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def _in_our_words(error: BaseException) -> FreezerError:
    """What is raised in place of the driver's error; what the driver said goes to the log only."""
    is_missing = str(error).startswith("no such ") or _code(error) == sqlite3.SQLITE_CANTOPEN
    if is_missing or _code(error) in _UNAVAILABLE:
        # The file or its tables.
        hint = "; if the store is new, run 'freezer-manage db sync'" if is_missing else ""
        return _Away(f"{error}{hint}")
    if _code(error) == sqlite3.SQLITE_TOOBIG:
        LOG.error("The SQL store refuses a statement for its size: %s", error)
        return TooLarge(TOO_LARGE)
    LOG.error("The SQL store failed: %s", type(error).__name__ if isinstance(error, ValueError) else error)
    return StoreFailed()


def _log_ahead(connection: sqlite3.Connection, deadline: float) -> None:
    """WAL, which a file keeps. SQLite itself does not wait for another process that is just making the file."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_WRITER_PATIENCE)
        else:
            return
