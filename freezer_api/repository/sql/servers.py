# SPDX-License-Identifier: Apache-2.0
"""A database server as a store: an engine of oslo.db, a time limit for each call, and retries.

Each call of the repository is one statement, which commits by itself: one round trip.
"""

import logging
import select as system
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from oslo_db.api import wrap_db_retry
from oslo_db.sqlalchemy import engines, exc_filters
from sqlalchemy import Connection, Delete, Engine, Row, Select, Update, event, insert, select
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from freezer_api.documents.kind import Kind
from freezer_api.documents.search_index import MAX_VALUES
from freezer_api.errors import TOO_LARGE, CommandError, SearchTooLong, StoreFailed, TooLarge, Unavailable
from freezer_api.repository.outages import CHECKING, READING, WRITING, Call, Outages
from freezer_api.repository.sql import server_errors as errors
from freezer_api.repository.sql.admin import SQLAdmin, check_version
from freezer_api.repository.sql.connections import ThreadConnections
from freezer_api.repository.sql.dialects import MYSQL, build_creation, clock, created_time
from freezer_api.repository.sql.repository import KeyExists, SQLRepository
from freezer_api.repository.sql.schema import TABLES, VERSIONS

LOG = logging.getLogger(__name__)

CALL_TIMEOUT = 4.5
"""Seconds for one call of the repository with all attempts, without the wait for a free connection."""

STATEMENT_TIMEOUT = 4.0
"""Seconds after which the server itself stops a statement, so that none continues without a client."""

LOCK_WAIT_TIMEOUT = 3
"""Seconds that a statement waits for a lock. MariaDB accepts whole seconds only."""

_TIME_LIMIT_GRACE = 0.5
"""Seconds that a server has to stop a search after its time limit, before the connection is closed."""

_CHECK_TIMEOUT = 0.9
_CONNECT_TIMEOUT = 10.0
_MAX_POOL_TIMEOUT = 0.5
_MIN_RETRY_INTERVAL = 0.002
_MAX_RETRY_INTERVAL = 0.1
_MIN_ATTEMPT_TIME = 0.5
"""Seconds that a retry needs: with less it would time out, and the log would not contain the reason."""

_Result = TypeVar("_Result")


class Driver(ABC):
    """A driver package, and the server to which it connects."""

    dialect: ClassVar[str]
    """SQLAlchemy's name of the engine."""

    package: ClassVar[str]
    """SQLAlchemy's name of engine and package."""

    protocol_errors: ClassVar[tuple[type[Exception], ...]] = ()
    """Errors of other classes that the package raises if it cannot parse a response of the server."""

    @abstractmethod
    def connect(self, timeout: float) -> Any:
        """Return a connection in autocommit mode, with this timeout in seconds."""

    @abstractmethod
    def set_timeout(self, connection: Any, timeout: float | None) -> None:
        """Set the timeout of each further statement on the connection."""

    @abstractmethod
    def descriptor(self, connection: Any) -> int | None:
        """Return the descriptor of the connection's socket, None if it is closed."""

    def listen(self, engine: Engine) -> None:  # noqa: B027 - most packages need none
        """Register event listeners that this package needs."""

    @abstractmethod
    def with_time_limit(self, statement: str, seconds: float) -> str:
        """Return the SELECT with a time limit at the server in place of the session's."""

    @abstractmethod
    def classify(self, error: BaseException) -> errors.DBError | None:
        """Return the error of the package as one of ``server_errors``.

        Return None to leave it unchanged: SQLAlchemy's inspection needs MySQL's error for a missing table.
        """


def create_engine(driver: Driver, connect: Callable[[], Any], **pool: Any) -> Engine:
    """Return an engine of oslo.db whose connections come from ``connect``. It raises ``server_errors``."""

    def _classify(context: ExceptionContext) -> None:
        error = context.original_exception
        if context.sqlalchemy_exception is None and not isinstance(error, driver.protocol_errors):
            # Leave errors unchanged that the driver package did not raise.
            return
        if context.is_pre_ping:
            context.is_disconnect = True
            return
        classified = driver.classify(error)
        if isinstance(classified, errors.DBConnectionError | errors.NodeNotReady | errors.OtherNode):
            context.is_disconnect = True
        if classified is not None:
            raise classified

    engine: Engine = engines.create_engine(f"{driver.package}://", max_retries=0, thread_checkin=False, **pool)
    engine.hide_parameters = True
    # Each statement is a transaction, so there is nothing to roll back.
    engine.dialect.skip_autocommit_rollback = True
    event.listen(engine, "do_connect", lambda *_: connect())
    # oslo.db's filters match errors by English text, and log the text of others, which may quote a value.
    event.remove(engine, "handle_error", exc_filters.handler)
    event.listen(engine, "handle_error", _classify)
    driver.listen(engine)
    return engine


@dataclass(frozen=True)
class ServerOptions:
    """Options of oslo.db. ``max_pool_size`` 0 and ``max_overflow`` -1 are no limit.

    ``connection_recycle_time``: seconds after which a connection is replaced, -1 for never. ``db_max_retries``: of
    a call after a deadlock. ``max_retries``: of a command if the server is down, -1 for no limit, with
    ``retry_interval`` seconds before each.
    """

    max_pool_size: int | None = 8
    max_overflow: int = -1
    connection_recycle_time: int = 3600
    db_max_retries: int = 20
    max_retries: int = 10
    retry_interval: float = 10


class ServerRepository(SQLRepository):
    """Documents in the tables that ``admin.sync`` has created in a database on a server."""

    takes_lists = False
    creates_many = False

    def __init__(self, driver: Driver, options: ServerOptions, max_values: int = MAX_VALUES) -> None:
        super().__init__(max_values)
        self._driver = driver
        self._recycle = options.connection_recycle_time
        self._retries = options.db_max_retries
        self._local = threading.local()
        self._outages = Outages()
        self.engine = create_engine(
            driver,
            lambda: driver.connect(self._time_left()),
            max_pool_size=options.max_pool_size,
            max_overflow=options.max_overflow,
            pool_timeout=_MAX_POOL_TIMEOUT,
            connection_recycle_time=options.connection_recycle_time,
        )
        event.listen(self.engine, "before_cursor_execute", self._extend, retval=True)
        event.listen(self.engine, "checkin", self._limit_ping)
        # One connection stays in the pool for threads that keep none, such as the health check's.
        maximum = options.max_pool_size - 1 if options.max_pool_size else None
        self._connections = ThreadConnections(self.engine, self._is_usable, maximum)
        self._retrying = wrap_db_retry(
            retry_on_deadlock=True,
            # _attempt limits the retries: to the library -1 means none, and it logs a traceback after the last
            # one.
            max_retries=sys.maxsize,
            retry_interval=_MIN_RETRY_INTERVAL,
            max_retry_interval=_MAX_RETRY_INTERVAL,
        )(self._attempt)
        self._now = select(clock(driver.dialect))
        self._creations = {
            name: build_creation(driver.dialect, table.table, VERSIONS) for name, table in TABLES.items()
        }

    def _extend(
        self, _connection: Any, _cursor: Any, statement: str, parameters: Any, context: Any, _many: Any
    ) -> tuple[str, Any]:
        """Apply the execution options: a statement that comes first, or a time limit."""
        options = context.execution_options
        if "first" in options:
            return options["first"] + statement, parameters
        seconds = options.get("max_seconds")
        return statement if seconds is None else self._driver.with_time_limit(statement, seconds), parameters

    def _limit_ping(self, connection: Any, _record: ConnectionPoolEntry) -> None:
        """Limit the ping when a connection leaves the pool: the timeout of its last call may have been longer."""
        if connection is not None:
            self._driver.set_timeout(connection, _CHECK_TIMEOUT)

    def _time_left(self) -> float:
        """Return the seconds left for the call of this thread; never 0, which would mean no limit."""
        return max(0.05, float(self._local.end - time.monotonic()))

    def _is_usable(self, kept: Connection) -> bool:
        """Check the connection without a round trip.

        An idle server sends data only when it closes the connection, so a readable socket means that it is closed.
        """
        now = time.monotonic()
        if 0 <= self._recycle < now - kept.info.setdefault("since", now):
            return False
        descriptor = self._driver.descriptor(kept.connection.dbapi_connection)
        return descriptor is not None and not is_readable(descriptor)

    def _read(
        self, statement: Select[Any], values: Mapping[str, Any], max_seconds: float | None = None
    ) -> Sequence[Row[Any]]:
        def _fetch(connection: Connection) -> Sequence[Row[Any]]:
            return connection.execute(statement, values, execution_options={"max_seconds": max_seconds}).all()

        return self._call(_fetch, place=READING, repeatable=True, max_seconds=max_seconds)

    def _create(self, kind: Kind, rows: Sequence[dict[str, Any]]) -> int:
        (row,) = rows
        statement = self._creations[kind.name]
        created = self._call(lambda connection: created_time(connection.execute(statement, row)))
        if created is None:
            LOG.error("The SQL store has no layout: run 'freezer-manage db sync'")
            raise Unavailable
        return created

    def _restore(self, kind: Kind, rows: Sequence[dict[str, Any]]) -> None:
        # Use one statement, although a large one takes time to build, because several would need a transaction.
        statement = insert(TABLES[kind.name].table).values(list(rows))
        self._call(lambda connection: connection.execute(statement))

    def _change(self, statement: Update | Delete, values: Mapping[str, Any]) -> bool:
        return self._call(lambda connection: connection.execute(statement, values).rowcount > 0)

    def now(self) -> int:
        return int(self._read(self._now, {})[0][0])

    def check(self) -> None:
        statement = select(VERSIONS.c.version_num)
        version = self._call(
            lambda connection: connection.execute(statement).scalar(),
            place=CHECKING,
            repeatable=True,
            seconds=_CHECK_TIMEOUT,
        )
        check_version(version)

    def close(self) -> None:
        self._connections.close()

    def _call(
        self,
        action: Callable[[Connection], _Result],
        *,
        place: str = WRITING,
        repeatable: bool = False,
        seconds: float = CALL_TIMEOUT,
        max_seconds: float | None = None,
    ) -> _Result:
        """Run the action and return its result. It is retried if it was not executed, or if it is ``repeatable``.

        ``max_seconds``: the time limit of a search at the server, which ends a little before the call does.
        """
        if max_seconds is not None:
            seconds = max_seconds + _TIME_LIMIT_GRACE
        with self._outages.call(place, seconds) as call:
            self._local.end = call.end
            self._local.retries = self._retries
            try:
                result: _Result = self._retrying(action, call, repeatable=repeatable)
            except (errors.DBError, SQLAlchemyError) as error:
                failure = error
            else:
                call.answered()
                return result
            if isinstance(failure, errors.TimedOut) and max_seconds is not None:
                call.answered()
                raise SearchTooLong(max_seconds)
            raise _reported(failure, call, is_check=place == CHECKING)

    def _attempt(self, action: Callable[[Connection], _Result], call: Call, *, repeatable: bool) -> _Result:
        """Run the action, and retry once over another connection if it was not executed or is ``repeatable``."""
        try:
            return self._run(action)
        except (errors.DBConnectionError, errors.OtherNode) as error:
            is_retried = repeatable or isinstance(error, errors.OtherNode)
            if not is_retried or time.monotonic() > call.end or call.is_hopeless:
                raise
        except errors.DBDeadlock as error:
            if not self._local.retries or time.monotonic() > call.end - _MIN_ATTEMPT_TIME or call.is_hopeless:
                raise errors.Refused(str(error)) from None
            self._local.retries -= 1
            raise
        return self._run(action)

    def _run(self, action: Callable[[Connection], _Result]) -> _Result:
        try:
            connection = self._connections.take()
        except PoolTimeout:
            raise _NoConnection("all connections of the pool are in use") from None
        except (errors.DBError, SQLAlchemyError) as error:
            raise _NotConnected(str(error)) from None
        try:
            self._driver.set_timeout(connection.connection.dbapi_connection, self._time_left())
            return action(connection)
        except ProgrammingError as error:
            raise errors.NotPermitted(errors.one_line(error.orig)) from None
        finally:
            self._connections.give_back(connection)


class _NoConnection(errors.Refused):
    """The pool has no free connection."""


class _NotConnected(errors.Refused):
    """The server did not accept a connection."""


def _reported(failure: Exception, call: Call, *, is_check: bool) -> Exception:
    """Log the failure, record an outage, and return the repository's error."""
    if isinstance(failure, _NoConnection):
        LOG.error("No connection to the SQL store is free: %s", failure)
        return Unavailable()
    if isinstance(failure, errors.Refused | errors.DBConnectionError | errors.DBDeadlock):
        everywhere = isinstance(failure, _NotConnected | errors.DBConnectionError) and not is_check
        call.unanswered(str(failure), everywhere=everywhere)
        return Unavailable()
    call.answered()
    if isinstance(failure, errors.DBDuplicateEntry):
        return KeyExists()
    if isinstance(failure, errors.StatementTooLarge):
        LOG.error("The SQL store refuses a statement for its size: %s", failure)
        return TooLarge(TOO_LARGE)
    LOG.error(
        "The SQL store failed: %s", failure if isinstance(failure, errors.DBError) else type(failure).__name__
    )
    return StoreFailed()


def is_readable(descriptor: int) -> bool:
    """Return whether data can be read from the socket."""
    poll = system.poll()
    poll.register(descriptor, system.POLLIN)
    return bool(poll.poll(0))


def unbounded_engine(driver: Driver) -> Engine:
    """Return an engine without time limits for statements."""

    def _connect() -> Any:
        connection = driver.connect(_CONNECT_TIMEOUT)
        driver.set_timeout(connection, None)
        return connection

    return create_engine(driver, _connect)


class ServerAdmin(SQLAdmin):
    """The administration of the tables in the database ``name``, which an operator has created.

    Connecting is retried while the server is down.
    """

    def __init__(self, driver: Driver, options: ServerOptions, name: str, max_values: int = MAX_VALUES) -> None:
        # No transaction on MySQL, because it cannot roll back DDL.
        level = "AUTOCOMMIT" if driver.dialect == MYSQL else "READ COMMITTED"
        super().__init__(unbounded_engine(driver).execution_options(isolation_level=level), max_values)
        self._name = name
        self._options = options

    def _exists(self) -> bool:
        with self._command_errors():
            self._prepare()
        return True

    def _prepare(self) -> None:
        """Wait until the server accepts a connection."""
        retries = self._options.max_retries
        while True:
            try:
                self.engine.connect().close()
                return
            except (errors.DBConnectionError, errors.DBDeadlock, errors.Refused) as error:
                if isinstance(error, errors.NotPermitted) or not retries:
                    raise
                text = str(error)
            retries -= 1
            interval = self._options.retry_interval
            LOG.warning("%s cannot be reached, trying again in %s s: %s", self._name, interval, text)
            time.sleep(interval)

    @contextmanager
    def _command_errors(self) -> Iterator[None]:
        try:
            yield
        except (errors.DBError, CommandError, ProgrammingError) as error:
            # On MySQL a missing table is a ProgrammingError.
            reason = error.orig if isinstance(error, ProgrammingError) else error
            raise CommandError(f"cannot use {self._name}: {errors.one_line(reason)}") from None
