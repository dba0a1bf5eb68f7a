"""A database server as a store: a pool of connections, bounds on every wait, and what is asked again.

Every statement stands alone and commits by itself: one round trip for each call of the repository.
"""

import logging
import random
import select as system
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, NamedTuple, NoReturn, Protocol, TypeVar

from sqlalchemy import (
    Connection,
    CursorResult,
    Delete,
    Engine,
    Row,
    Select,
    Update,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.exc import DBAPIError, DisconnectionError, InvalidRequestError, StatementError
from sqlalchemy.exc import TimeoutError as PoolIsExhausted
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolProxiedConnection, QueuePool

from freezer_api.documents.kind import Kind
from freezer_api.documents.search_index import MAX_VALUES
from freezer_api.errors import TOO_LARGE, CommandError, SearchTooLong, StoreFailed, TooLarge, Unavailable
from freezer_api.repository.outages import CHECKING, READING, WRITING, Call, Outages
from freezer_api.repository.sql.access import Taken
from freezer_api.repository.sql.admin import SQLAdmin, check_version
from freezer_api.repository.sql.dialects import MYSQL, clock, creation
from freezer_api.repository.sql.forks import start_anew_after_fork
from freezer_api.repository.sql.held import HeldConnections
from freezer_api.repository.sql.repository import SQLRepository
from freezer_api.repository.sql.schema import TABLES, VERSIONS

LOG = logging.getLogger(__name__)

LONGEST = 4.5
"""Seconds for one call of the repository, with all attempts; a connection that is waited for comes in addition."""

LONGEST_AT_SERVER = 4.0
"""Seconds after which the server itself is to give up a statement, so that none goes on for nobody."""

LONGEST_WAIT_FOR_LOCK = 3
"""Whole seconds, as MariaDB counts them."""

_LIMIT_GRACE = 0.5
"""Seconds that a server has to stop a search after its time limit, before the connection is given up."""

_LONGEST_CHECK = 0.9
_LONGEST_TO_CONNECT = 10.0
_LONGEST_WAIT_FOR_POOL = 0.5
_LONGEST_PAUSE = 0.1

_Result = TypeVar("_Result")


class Verdict(Enum):
    """What an error says of the statement."""

    TAKEN = auto()
    """There is a row with this key."""
    BUSY = auto()
    """Others were in the way and nothing was done: it may be asked again at once."""
    LOST = auto()
    """The connection is gone; whether anything was done nobody knows."""
    AWAY = auto()
    """Nothing was done, and later it may be."""
    TOO_LARGE = auto()
    """The statement is larger than the server accepts."""
    FAILED = auto()
    """It cannot be done."""


class Trouble(NamedTuple):
    """``text`` is for the log: one line without a password or a value of a document. ``drops``: the connection is
    of no use any more; ``passing``: nobody has to do anything, it will be over. ``timed_out``: the server stopped
    the statement at its time limit.
    """

    verdict: Verdict
    text: str
    drops: bool = False
    passing: bool = False
    timed_out: bool = False


def one_line(text: object) -> str:
    """What a driver says in several lines, in one."""
    return " ".join(str(text).split())


class Driver(Protocol):
    """A driver package, and the server that it leads to."""

    dialect: str
    """SQLAlchemy's name of the engine."""

    @property
    def package(self) -> str:
        """SQLAlchemy's name of engine and package."""

    @property
    def ignored(self) -> tuple[str, ...]:
        """Parameters of the URL that have no effect, and that nobody may have meant so."""

    def connect(self, seconds: float) -> Any:
        """A connection that commits by itself; whoever makes it waits so long for it, and for each answer."""

    def allow(self, connection: Any, seconds: float | None) -> None:
        """Bound the next answers, or end that."""

    def is_open(self, connection: Any) -> bool:
        """Whether nobody on this side has closed it."""

    def socket(self, connection: Any) -> int:
        """The descriptor of a connection that is open."""

    def limited(self, statement: str, seconds: float) -> str:
        """Return the SELECT with a time limit at the server in place of the session's."""

    def trouble(self, error: BaseException | None) -> Trouble:
        """What an error of the package means."""


@dataclass(frozen=True)
class Pooling:
    """How many connections are kept, and made in addition; -1 or 0 are no bound. ``retries``: of what was BUSY."""

    kept: int = 8
    more: int = -1
    wait: float = _LONGEST_WAIT_FOR_POOL
    recycle: int = 3600
    retries: int = 20


class ServerAccess:
    """The way into a database on a server."""

    takes_lists = False
    creates_many = False

    def __init__(self, driver: Driver, pooling: Pooling) -> None:
        self._driver = driver
        self._retries = pooling.retries
        self._recycle = pooling.recycle
        self._asked = threading.local()
        self._outages = Outages()
        self.engine = self._made(pooling)
        # One is left to those who have none, such as the health check.
        self._held = HeldConnections(self.engine, self._is_good, most=pooling.kept - 1 if pooling.kept else None)
        self._now = select(clock(driver.dialect))
        self._creations = {name: creation(driver.dialect, table.table, VERSIONS) for name, table in TABLES.items()}

    def _made(self, pooling: Pooling) -> Engine:
        engine = create_engine(
            f"{self._driver.package}://",
            creator=lambda: self._driver.connect(self._left()),
            poolclass=QueuePool,
            pool_size=pooling.kept,
            max_overflow=pooling.more,
            pool_timeout=min(pooling.wait, _LONGEST_WAIT_FOR_POOL),
            pool_recycle=pooling.recycle,
            pool_use_lifo=True,
            # Nothing is ever begun, so there is nothing to roll back.
            isolation_level="AUTOCOMMIT",
            pool_reset_on_return=None,
            skip_autocommit_rollback=True,
            hide_parameters=True,
        )
        event.listen(engine, "checkout", self._look)
        event.listen(engine, "before_cursor_execute", self._worded, retval=True)
        start_anew_after_fork(engine)
        return engine

    def _worded(
        self, _connection: Any, _cursor: Any, statement: str, parameters: Any, context: Any, _many: Any
    ) -> tuple[str, Any]:
        options = context.execution_options
        if "first" in options:
            return options["first"] + statement, parameters
        seconds = options.get("max_seconds")
        return statement if seconds is None else self._driver.limited(statement, seconds), parameters

    def _left(self) -> float:
        """Seconds that the call of this thread may still take; never none, as that would be no bound."""
        return max(0.05, float(self._asked.end - time.monotonic()))

    def _look(self, connection: Any, _record: ConnectionPoolEntry, _proxy: PoolProxiedConnection) -> None:
        if self._has_ended(connection):
            raise DisconnectionError("the server has closed the connection")
        self._driver.allow(connection, self._left())

    def _has_ended(self, connection: Any) -> bool:
        """A server says nothing unasked, unless it takes its leave: that can be seen without asking it."""
        return not self._driver.is_open(connection) or _can_be_read(self._driver.socket(connection))

    def _is_good(self, held: Connection) -> bool:
        """Whether a connection that a thread holds may be used once more; if not, the pool finds out as well."""
        now = time.monotonic()
        if 0 <= self._recycle < now - held.info.setdefault("since", now):
            return False
        connection = held.connection.dbapi_connection
        if self._has_ended(connection):
            return False
        self._driver.allow(connection, self._left())
        return True

    def read(
        self, statement: Select[Any], values: Mapping[str, Any], max_seconds: float | None = None
    ) -> Sequence[Row[Any]]:
        def _read(connection: Connection) -> Sequence[Row[Any]]:
            return connection.execute(statement, values, execution_options={"max_seconds": max_seconds}).all()

        return self._done(_read, place=READING, repeatable=True, max_seconds=max_seconds)

    def create(self, kind: Kind, rows: Sequence[dict[str, Any]]) -> int:
        (row,) = rows
        made = self._creations[kind.name]
        created = self._done(lambda connection: made.time(connection.execute(made.statement, row)))
        if created is None:
            LOG.error("The SQL store has no layout: run 'freezer-manage db sync'")
            raise Unavailable
        return created

    def restore(self, kind: Kind, rows: Sequence[dict[str, Any]]) -> None:
        # One statement, whatever it costs to write it: several would need a transaction.
        statement = insert(TABLES[kind.name].table).values(list(rows))
        self._done(lambda connection: connection.execute(statement))

    def change(self, statement: Update | Delete, values: Mapping[str, Any]) -> bool:
        def _change(connection: Connection) -> bool:
            result: CursorResult[Any] = connection.execute(statement, values)
            return result.rowcount > 0

        return self._done(_change)

    def now(self) -> int:
        (row,) = self.read(self._now, {})
        return int(row[0])

    def check(self) -> None:
        statement = select(VERSIONS.c.version_num)
        version = self._done(
            lambda connection: connection.execute(statement).scalar(),
            place=CHECKING,
            repeatable=True,
            seconds=_LONGEST_CHECK,
        )
        check_version(version)

    def close(self) -> None:
        self._held.close()

    def _done(
        self,
        action: Callable[[Connection], _Result],
        *,
        place: str = WRITING,
        repeatable: bool = False,
        seconds: float = LONGEST,
        max_seconds: float | None = None,
    ) -> _Result:
        """What the action gives. It is done again when it was not done for sure, or when it is ``repeatable``.

        ``max_seconds`` is the time limit that the server applies to a search; the call takes little longer.
        """
        if max_seconds is not None:
            seconds = max_seconds + _LIMIT_GRACE
        with self._outages.call(place, seconds) as call:
            self._asked.end = call.end
            attempts = 0
            while True:
                try:
                    result = self._once(action)
                except Taken:
                    call.answered()
                    raise
                except _Troubled as error:
                    troubled = error
                else:
                    call.answered()
                    return result
                if troubled.timed_out and max_seconds is not None:
                    call.answered()
                    raise SearchTooLong(max_seconds)
                once_more = not attempts and troubled.may_be_tried_again(repeatable=repeatable)
                busy = troubled.verdict is Verdict.BUSY and attempts != self._retries
                if not (once_more or busy) or time.monotonic() > call.end or call.is_hopeless:
                    troubled.tell(call, everywhere=troubled.everywhere and place != CHECKING)
                attempts += 1
                time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.002 * 2**attempts)))  # noqa: S311

    def _once(self, action: Callable[[Connection], _Result]) -> _Result:
        try:
            connection = self._held()
        except PoolIsExhausted:
            raise _Troubled(
                Trouble(Verdict.AWAY, "all connections of the pool are in use"), is_ours=True
            ) from None
        except InvalidRequestError:
            # The pool gives up when those that it has just made are closed as well.
            raise _Troubled(Trouble(Verdict.AWAY, "the server closes every connection"), everywhere=True) from None
        except DBAPIError as error:
            # Nothing was asked yet.
            trouble = Trouble(Verdict.AWAY, self._driver.trouble(error.orig).text)
            raise _Troubled(trouble, everywhere=True) from None
        try:
            return action(connection)
        except DBAPIError as error:
            trouble = self._driver.trouble(error.orig)
            if trouble.drops:
                connection.invalidate()
        except StatementError as error:
            trouble = Trouble(Verdict.FAILED, type(error.orig).__name__)
        finally:
            self._held.give_back(connection)
        if trouble.verdict is Verdict.TAKEN:
            raise Taken
        raise _Troubled(trouble)


def open_server(driver: Driver, pooling: Pooling, max_values: int = MAX_VALUES) -> SQLRepository:
    """The repository in the tables that ``admin.sync`` has made."""
    return SQLRepository(ServerAccess(driver, pooling), max_values)


@dataclass(frozen=True)
class Waiting:
    """How often, and every how many seconds, it is tried to reach a server that is not there; -1 is for ever."""

    tries: int = 10
    interval: float = 10


def server_admin(driver: Driver, waiting: Waiting, name: str, max_values: int = MAX_VALUES) -> SQLAdmin:
    """Return the administration of the tables in the database ``name``. Only the operator makes that."""
    engine = create_engine(
        f"{driver.package}://",
        creator=lambda: unbounded(driver),
        poolclass=NullPool,
        # MySQL could take nothing back anyway.
        isolation_level="AUTOCOMMIT" if driver.dialect == MYSQL else "READ COMMITTED",
    )
    return SQLAdmin(engine, _Server(driver, engine, waiting, name), max_values)


def unbounded(driver: Driver) -> Any:
    """A connection for work that may take any time."""
    connection = driver.connect(_LONGEST_TO_CONNECT)
    driver.allow(connection, None)
    return connection


class _Server:
    """A database on a server. When that is not there it is waited for."""

    def __init__(self, driver: Driver, engine: Engine, waiting: Waiting, name: str) -> None:
        self._name = name
        self._driver = driver
        self._engine = engine
        self._waiting = waiting

    def is_there(self) -> bool:
        with self.reached():
            self._wait()
        return True

    def make(self) -> None:
        self._wait()

    def _wait(self) -> None:
        tries = self._waiting.tries
        while True:
            try:
                self._engine.connect().close()
                return
            except DBAPIError as error:
                trouble = self._driver.trouble(error.orig)
                if not trouble.passing or not tries:
                    raise
            tries -= 1
            pause = self._waiting.interval
            LOG.warning("%s cannot be reached, trying again in %s s: %s", self._name, pause, trouble.text)
            time.sleep(pause)

    @contextmanager
    def reached(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            trouble = self._driver.trouble(error.orig)
            raise CommandError(f"cannot use {self._name}: {trouble.text}") from None
        except CommandError as error:
            raise CommandError(f"cannot use {self._name}: {error}") from None


class _Troubled(Exception):
    """``everywhere``: whatever was asked would not have been answered. ``is_ours``: the server was not asked."""

    def __init__(self, trouble: Trouble, *, everywhere: bool = False, is_ours: bool = False) -> None:
        super().__init__(trouble.text)
        self.verdict = trouble.verdict
        self.drops = trouble.drops
        self.timed_out = trouble.timed_out
        self.everywhere = everywhere or trouble.verdict is Verdict.LOST
        self._is_ours = is_ours

    def may_be_tried_again(self, *, repeatable: bool) -> bool:
        """Whether another connection may do better: nothing was done over this one, or that does not matter."""
        return self.drops and (repeatable or self.verdict is Verdict.AWAY)

    def tell(self, call: Call, *, everywhere: bool) -> NoReturn:
        """Log what the server said, and raise what the caller is told."""
        if self.verdict is Verdict.FAILED:
            call.answered()
            LOG.error("The SQL store failed: %s", self)
            raise StoreFailed
        if self.verdict is Verdict.TOO_LARGE:
            call.answered()
            LOG.error("The SQL store refuses a statement for its size: %s", self)
            raise TooLarge(TOO_LARGE)
        if self._is_ours:
            LOG.error("No connection to the SQL store is free: %s", self)
        else:
            call.unanswered(str(self), everywhere=everywhere)
        raise Unavailable


def _can_be_read(descriptor: int) -> bool:
    poll = system.poll()
    poll.register(descriptor, system.POLLIN)
    return bool(poll.poll(0))
