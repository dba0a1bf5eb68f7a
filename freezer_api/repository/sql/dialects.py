"""What differs between SQLite, MariaDB (MySQL) and PostgreSQL in what is said to them.

On the servers texts are kept as bytes, UTF-8. So they are compared byte for byte, as in SQLite, whatever the
collation, character set or padding of a database, and there is no character that it cannot hold.
"""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    VARBINARY,
    BigInteger,
    ColumnElement,
    Connection,
    CursorResult,
    Dialect,
    Executable,
    FromClause,
    Insert,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    cast,
    extract,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.dialects.mysql import LONGBLOB
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from freezer_api.errors import StartFailed

SQLITE, MYSQL, POSTGRESQL = "sqlite", "mysql", "postgresql"

MOST_BYTES_OF_A_CHARACTER = 4

TABLE_OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_row_format": "DYNAMIC"}
"""For tables of which an index may have 3,072 bytes, on servers with other defaults, too."""


class _Bytes(TypeDecorator[str]):
    """Text that the server keeps as UTF-8. ``bytes_``: the most that there are, None for any number."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, bytes_: int | None = None) -> None:
        super().__init__()
        self.bytes_ = bytes_

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == POSTGRESQL:
            return dialect.type_descriptor(LargeBinary())
        return dialect.type_descriptor(LONGBLOB() if self.bytes_ is None else VARBINARY(self.bytes_))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else value.encode()

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], str | None]:  # noqa: ARG002
        return _decoded


def _decoded(value: Any) -> str | None:
    """What either package gives; called for every text of every row."""
    return None if value is None else str(value, "utf-8")


def exact_text(characters: int | None = None, *, ascii_only: bool = False) -> TypeEngine[str]:
    """The type of a column for texts of at most so many characters, None for any number."""
    if characters is None:
        return Text().with_variant(_Bytes(), MYSQL, POSTGRESQL)
    bytes_ = characters * (1 if ascii_only else MOST_BYTES_OF_A_CHARACTER)
    return String(characters).with_variant(_Bytes(bytes_), MYSQL, POSTGRESQL)


class _Place(FunctionElement[int]):
    """Where the second text begins in the first, from 1; 0 when it does not occur there."""

    type = Integer()
    inherit_cache = True


@compiles(_Place)
def _instr(element: _Place, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(_Place, POSTGRESQL)
def _position(element: _Place, compiler: SQLCompiler, **options: Any) -> str:
    text, part = (compiler.process(clause, **options) for clause in element.clauses)
    return f"position({part} in {text})"


def holds(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Whether the text in the column has the value of this name as a part."""
    return _Place(column, bindparam(name, type_=column.type)) > 0


# Creations: one statement each, in which they come one after the other until they are seen, and in which the
# server says the time. So no document is seen before one of an earlier time (doc/adr/0018).

_OUR_LOCKS = 0x667A7200
"""By this number PostgreSQL tells our advisory locks from those of other programs in the same database."""


@dataclass(frozen=True)
class Creation:
    """``statement`` takes a row without ``created``, which ``time`` finds in its result; None: it did nothing."""

    statement: Executable
    time: Callable[[CursorResult[Any]], int | None]


def creation(dialect: str, table: Table, turns: Table) -> Creation:
    """How a row of the table is made. ``turns``: a table with one row."""
    if dialect == POSTGRESQL:
        waited = select(func.pg_advisory_xact_lock(_OUR_LOCKS, _turn_of(table)))
        now = extract("epoch", func.clock_timestamp()) * 1_000_000
        statement = _inserted(table, cast(now, BigInteger), waited.cte("turn"))
        return Creation(statement.returning(table.c.created), lambda result: result.scalar())
    # NOW would be the time at which the wait began. The function hands it on to the client, in the same answer.
    now = func.last_insert_id(cast(func.unix_timestamp(literal_column("SYSDATE(6)")) * 1_000_000, BigInteger))
    return Creation(_inserted(table, now, turns, locked=True), lambda result: result.lastrowid or None)


def _turn_of(table: Table) -> int:
    """A number for each table, of 31 bits, and the same in every process."""
    return zlib.crc32(table.name.encode()) >> 1


def _inserted(table: Table, now: ColumnElement[Any], source: FromClause, *, locked: bool = False) -> Insert:
    values = [now if column.name == "created" else bindparam(column.name, type_=column.type) for column in table.c]
    row = select(*values).select_from(source)
    return insert(table).from_select(list(table.c), row.with_for_update() if locked else row)


# Upkeep: one at a time, from the look at what is there to the last change.

_UPKEEP = 0
"""The number of its lock; creations have others."""

_PATIENCE = 600
"""Seconds, on a server."""


_LOCK_NOT_AVAILABLE = "55P03"
"""What PostgreSQL says when that is over."""


@contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """Do this while no other upkeep of the same database goes on; they wait. All of it happens or, but for MySQL,
    which cannot take back what was made, nothing does.
    """
    if connection.dialect.name == MYSQL:
        if not connection.execute(_lock("get_lock", _PATIENCE)).scalar():
            raise _too_long()
        yield
        connection.execute(_lock("release_lock"))
        return
    if connection.dialect.name == POSTGRESQL:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_PATIENCE}s'")
        try:
            connection.execute(select(func.pg_advisory_xact_lock(_OUR_LOCKS, _UPKEEP)))
        except OperationalError as error:
            if getattr(error.orig, "pgcode", None) == _LOCK_NOT_AVAILABLE:
                raise _too_long() from None
            raise
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    yield
    connection.commit()


def _too_long() -> StartFailed:
    return StartFailed("another freezer-manage is at work at the same database, and does not end")


def _lock(function: str, *arguments: int) -> Executable:
    """MySQL's locks are the server's, so the name has to tell the databases apart."""
    return select(getattr(func, function)(func.concat("freezer-api ", func.md5(func.database())), *arguments))
