# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL, over psycopg2."""

import math
import re
import select
import time
from contextlib import suppress
from functools import partial
from typing import Any

import psycopg2
from psycopg2 import errorcodes as codes
from psycopg2.extensions import POLL_OK, POLL_READ, connection, make_dsn, set_wait_callback
from sqlalchemy import URL
from sqlalchemy.exc import ArgumentError

from freezer_api.errors import ConfigurationError
from freezer_api.repository.sql import dialects
from freezer_api.repository.sql import server_errors as errors
from freezer_api.repository.sql.servers import LOCK_WAIT_TIMEOUT, STATEMENT_TIMEOUT, Driver

# Errors by code, or by class (two characters). oslo.db knows only some of them, and those by their English texts.
_KINDS: dict[str, type[errors.DBError]] = {
    codes.UNIQUE_VIOLATION: errors.DBDuplicateEntry,
    codes.STATEMENT_COMPLETION_UNKNOWN: errors.DBConnectionError,
    codes.CLASS_TRANSACTION_ROLLBACK: errors.DBDeadlock,
    codes.LOCK_NOT_AVAILABLE: errors.DBDeadlock,
    codes.CLASS_CONNECTION_EXCEPTION: errors.DBConnectionError,
    codes.ADMIN_SHUTDOWN: errors.DBConnectionError,
    codes.CRASH_SHUTDOWN: errors.DBConnectionError,
    codes.DATABASE_DROPPED: errors.DBConnectionError,
    codes.IDLE_IN_TRANSACTION_SESSION_TIMEOUT: errors.DBConnectionError,
    # Timeouts of a transaction and of an idle session, for which older releases of the package have no names.
    "25P04": errors.DBConnectionError,
    "57P05": errors.DBConnectionError,
    codes.READ_ONLY_SQL_TRANSACTION: errors.OtherNode,
    codes.QUERY_CANCELED: errors.TimedOut,
    codes.CLASS_INSUFFICIENT_RESOURCES: errors.Refused,
    codes.CLASS_OPERATOR_INTERVENTION: errors.Refused,
    codes.CLASS_SYSTEM_ERROR: errors.Refused,
    codes.UNDEFINED_TABLE: errors.NotPermitted,
    codes.UNDEFINED_COLUMN: errors.NotPermitted,
    codes.INSUFFICIENT_PRIVILEGE: errors.NotPermitted,
    codes.INVALID_SCHEMA_NAME: errors.NotPermitted,
    codes.INVALID_CATALOG_NAME: errors.NotPermitted,
    codes.PROGRAM_LIMIT_EXCEEDED: errors.StatementTooLarge,
}

_CONFIGURATION_ERROR = re.compile(
    r"authentication failed|no pg_hba\.conf entry|pg_hba\.conf rejects|does not exist|permission denied"
    r"|is not permitted to log in|no such (?:user|database)|no password supplied"
)
"""Messages of a server that refuses a connection until an operator changes something. There are no codes at this
point, so with a server of another language connecting is retried.
"""

_ADDRESS = ("host", "hostaddr", "port")
"""Parameters that may list several hosts."""


class _Connection(connection):
    """A connection of psycopg2 with a time limit.

    The limit applies to everything up to the next ``set_timeout`` together, and then to each statement.
    """

    def __init__(self, *arguments: Any, timeout: float, **options: Any) -> None:
        self.timeout: float | None = timeout
        self.deadline: float | None = time.monotonic() + timeout
        super().__init__(*arguments, **options)


def _wait(waiting: connection) -> None:
    """Wait for the server; psycopg2 calls this for every connection of this process.

    libpq has no timeout for an answer, and ``tcp_user_timeout`` and keepalives do not notice a server process that
    hangs, as its kernel goes on to acknowledge.
    """
    timeout, deadline = getattr(waiting, "timeout", None), getattr(waiting, "deadline", None)
    if deadline is None:
        deadline = math.inf if timeout is None else time.monotonic() + timeout
    while (state := waiting.poll()) != POLL_OK:
        poll = select.poll()
        poll.register(waiting.fileno(), select.POLLIN if state == POLL_READ else select.POLLOUT)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(None if left == math.inf else left * 1000):
            raise psycopg2.OperationalError("the server did not answer in time")


class PostgreSQL(Driver):
    """Connects to the database at ``url``. Statements have no time limit unless ``bounded`` is set."""

    dialect = dialects.POSTGRESQL
    package = "postgresql+psycopg2"

    def __init__(self, url: URL, *, bounded: bool = True) -> None:
        set_wait_callback(_wait)
        self._bounded = bounded
        try:
            _, found = url.set(drivername=self.package).get_dialect()().create_connect_args(url)
            arguments = dict(found)
            make_dsn(**arguments)
        except (ArgumentError, psycopg2.ProgrammingError) as error:
            # The message contains the name of the parameter, and not its value.
            raise ConfigurationError(f"libpq: {errors.one_line(error).removeprefix('invalid dsn: ')}") from None
        self._hosts = _split_hosts(arguments)

    def connect(self, timeout: float) -> _Connection:
        """Connect to the first host that answers within its share of the time."""
        end = time.monotonic() + timeout
        *others, last = self._hosts
        for number, host in enumerate(others):
            with suppress(psycopg2.OperationalError):
                return self._connect(host, (end - time.monotonic()) / (len(self._hosts) - number))
        return self._connect(last, end - time.monotonic())

    def _connect(self, host: dict[str, Any], timeout: float) -> _Connection:
        factory = partial(_Connection, timeout=timeout)
        try:
            connected: _Connection = psycopg2.connect(connection_factory=factory, **host)
        except (UnicodeDecodeError, psycopg2.OperationalError) as error:
            # If libpq's message is not UTF-8, older releases of Python 3.11 raise the error without a message.
            if isinstance(error, psycopg2.OperationalError) and str(error):
                raise
            raise psycopg2.OperationalError("it is not a PostgreSQL server") from None
        connected.autocommit = True
        if self._bounded:
            with connected.cursor() as cursor:
                cursor.execute(
                    f"SET statement_timeout = {int(STATEMENT_TIMEOUT * 1000)};"
                    f"SET lock_timeout = {LOCK_WAIT_TIMEOUT * 1000}"
                )
        return connected

    def set_timeout(self, connection: Any, timeout: float | None) -> None:
        connection.timeout, connection.deadline = timeout, None

    def descriptor(self, connection: Any) -> int | None:
        return None if connection.closed else connection.fileno()

    def with_time_limit(self, statement: str, seconds: float) -> str:
        # The two statements are sent together and so are one transaction, at whose end the limit ends, too.
        return f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}; {statement}"

    def classify(self, error: BaseException) -> errors.DBError:
        if not isinstance(error, psycopg2.Error):
            return errors.DBError(type(error).__name__)
        code = error.pgcode
        if code is None:
            return _classify_without_code(error)
        kind = _KINDS.get(code) or _KINDS.get(code[:2])
        if kind is None:
            # Omit the message, which may quote a value.
            return errors.DBError(f"{type(error).__name__} {code}")
        return (
            errors.DBDuplicateEntry()
            if kind is errors.DBDuplicateEntry
            else kind(errors.one_line(error.diag.message_primary or ""))
        )


def _split_hosts(arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the arguments for each host, as libpq would use the whole timeout for the first host.

    The hosts stay together if libpq has to choose among them, or to report what is wrong with them.
    """
    lists = {name: str(arguments[name]).split(",") for name in _ADDRESS if name in arguments}
    lengths = {len(values) for values in lists.values()}
    preferred = str(arguments.get("target_session_attrs", "")).startswith("prefer")
    if len(lengths) != 1 or preferred or "load_balance_hosts" in arguments:
        return [arguments]
    return [
        {**arguments, **{name: values[number] for name, values in lists.items()}} for number in range(*lengths)
    ]


def _classify_without_code(error: psycopg2.Error) -> errors.DBError:
    """Classify an error of the package, and of a server that does not accept a connection."""
    lost = isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    # DatabaseError itself: the package cannot parse what the server sends.
    if lost or type(error) is psycopg2.DatabaseError:
        text = errors.one_line(error)
        return errors.NotPermitted(text) if _CONFIGURATION_ERROR.search(text) else errors.DBConnectionError(text)
    return errors.DBError(type(error).__name__)
