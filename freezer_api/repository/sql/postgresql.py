"""PostgreSQL, over psycopg2."""

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
from freezer_api.repository.sql.servers import (
    LONGEST_AT_SERVER,
    LONGEST_WAIT_FOR_LOCK,
    Trouble,
    Verdict,
    one_line,
)

_BUSY = frozenset(
    {
        codes.TRANSACTION_ROLLBACK,
        codes.SERIALIZATION_FAILURE,
        codes.DEADLOCK_DETECTED,
        codes.LOCK_NOT_AVAILABLE,
    }
)

_LOST = frozenset(
    {
        codes.ADMIN_SHUTDOWN,
        codes.CRASH_SHUTDOWN,
        codes.DATABASE_DROPPED,
        codes.STATEMENT_COMPLETION_UNKNOWN,
        codes.IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        # Numbers that releases of the package have no names for.
        "25P04",
        "57P05",
    }
)

_AWAY = frozenset(
    {
        codes.READ_ONLY_SQL_TRANSACTION,
        # What an operator has yet to do: tables to make, rights to grant.
        codes.UNDEFINED_TABLE,
        codes.UNDEFINED_COLUMN,
        codes.INSUFFICIENT_PRIVILEGE,
        codes.INVALID_SCHEMA_NAME,
        codes.INVALID_CATALOG_NAME,
    }
)

_CLASS_LOST = codes.CLASS_CONNECTION_EXCEPTION
_CLASSES_AWAY = (
    codes.CLASS_INSUFFICIENT_RESOURCES,
    codes.CLASS_OPERATOR_INTERVENTION,
    codes.CLASS_SYSTEM_ERROR,
)

_REFUSED = re.compile(
    r"authentication failed|no pg_hba\.conf entry|pg_hba\.conf rejects|does not exist|permission denied"
    r"|is not permitted to log in|no such (?:user|database)|no password supplied"
)
"""What a server says to a connection that it will not take later either. There is no code at that point; a server
of another language is waited for.
"""

_PLACE = ("host", "hostaddr", "port")
"""Parameters that may be lists, of hosts that are tried one after the other."""


class _Bounded(connection):
    """A connection that waits for its server until ``end``, a time of the monotonic clock."""

    end: float | None = None

    def __init__(self, *arguments: Any, seconds: float | None, **options: Any) -> None:
        self.allow(seconds)
        super().__init__(*arguments, **options)

    def allow(self, seconds: float | None) -> None:
        self.end = None if seconds is None else time.monotonic() + seconds


def _wait(waiting: connection) -> None:
    """What the package calls while it waits, for every connection of this process; those of others wait for ever,
    as they would without it.
    """
    end = getattr(waiting, "end", None)
    while (state := waiting.poll()) != POLL_OK:
        poll = select.poll()
        poll.register(waiting.fileno(), select.POLLIN if state == POLL_READ else select.POLLOUT)
        left = None if end is None else max(0.0, end - time.monotonic()) * 1000
        if not poll.poll(left):
            raise psycopg2.OperationalError("the server did not answer in time")


class PostgreSQL:
    """The database at ``url``. Without ``bounded`` a statement may take any time."""

    dialect = dialects.POSTGRESQL
    package = "postgresql+psycopg2"
    # Its library refuses what it does not know.
    ignored = ()

    def __init__(self, url: URL, *, bounded: bool = True) -> None:
        set_wait_callback(_wait)
        self._bounded = bounded
        try:
            _, found = url.set(drivername=self.package).get_dialect()().create_connect_args(url)
            arguments = dict(found)
            make_dsn(**arguments)
        except (ArgumentError, psycopg2.ProgrammingError) as error:
            # It names the parameter alone.
            raise ConfigurationError(
                f"its library says: {one_line(error).removeprefix('invalid dsn: ')}"
            ) from None
        self._places = _places(arguments)

    def connect(self, seconds: float) -> _Bounded:
        """To the first host that answers in its share of the time."""
        end = time.monotonic() + seconds
        *others, last = self._places
        for number, place in enumerate(others):
            with suppress(psycopg2.OperationalError):
                return self._connected(place, (end - time.monotonic()) / (len(self._places) - number))
        return self._connected(last, end - time.monotonic())

    def _connected(self, place: dict[str, Any], seconds: float) -> _Bounded:
        try:
            made: _Bounded = psycopg2.connect(connection_factory=partial(_Bounded, seconds=seconds), **place)
        except (UnicodeDecodeError, psycopg2.OperationalError) as error:
            # If libpq's message is not UTF-8, older releases of Python 3.11 raise the error without a message.
            if isinstance(error, psycopg2.OperationalError) and str(error):
                raise
            raise psycopg2.OperationalError("what answers is no PostgreSQL server") from None
        made.autocommit = True
        if self._bounded:
            with made.cursor() as cursor:
                cursor.execute(
                    f"SET statement_timeout = {int(LONGEST_AT_SERVER * 1000)};"
                    f"SET lock_timeout = {LONGEST_WAIT_FOR_LOCK * 1000}"
                )
        return made

    def allow(self, made: _Bounded, seconds: float | None) -> None:
        made.allow(seconds)

    def is_open(self, made: _Bounded) -> bool:
        return not made.closed

    def socket(self, made: _Bounded) -> int:
        return made.fileno()

    def limited(self, statement: str, seconds: float) -> str:
        # Both are one transaction, as they are sent together, so this ends with the statement.
        return f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}; {statement}"

    def trouble(self, error: BaseException | None) -> Trouble:
        code = error.pgcode if isinstance(error, psycopg2.Error) else None
        if code is None or not isinstance(error, psycopg2.Error):
            return _without_code(error)
        if code == codes.UNIQUE_VIOLATION:
            return Trouble(Verdict.TAKEN, "")
        text = one_line(error.diag.message_primary or "")
        if code in _BUSY:
            return Trouble(Verdict.BUSY, text, passing=True)
        if code in _LOST or code.startswith(_CLASS_LOST):
            return Trouble(Verdict.LOST, text, drops=True, passing=True)
        if code in _AWAY or code.startswith(_CLASSES_AWAY):
            drops = code == codes.READ_ONLY_SQL_TRANSACTION
            return Trouble(Verdict.AWAY, text, drops=drops, timed_out=code == codes.QUERY_CANCELED)
        if code == codes.PROGRAM_LIMIT_EXCEEDED:
            return Trouble(Verdict.TOO_LARGE, text)
        # What it says beyond its code may quote a value.
        return Trouble(Verdict.FAILED, f"{type(error).__name__} {code}")


def _places(arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """The arguments for each host by itself. Its library would give the first all the time that there is; but it
    has to have them all where it is to choose among them, or to say what is wrong with them.
    """
    lists = {name: str(arguments[name]).split(",") for name in _PLACE if name in arguments}
    lengths = {len(values) for values in lists.values()}
    preferred = str(arguments.get("target_session_attrs", "")).startswith("prefer")
    if len(lengths) != 1 or preferred or "load_balance_hosts" in arguments:
        return [arguments]
    return [
        {**arguments, **{name: values[number] for name, values in lists.items()}} for number in range(*lengths)
    ]


def _without_code(error: BaseException | None) -> Trouble:
    """What goes wrong on this side, and what a server says to a connection that it does not take."""
    lost = isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    # One of no kind: the package has lost its place in what the server says.
    if lost or type(error) is psycopg2.DatabaseError:
        text = str(error)
        return Trouble(Verdict.LOST, one_line(text), drops=True, passing=not _REFUSED.search(text))
    return Trouble(Verdict.FAILED, type(error).__name__)
