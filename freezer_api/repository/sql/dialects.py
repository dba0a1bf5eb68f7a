"""What differs between SQLite, MariaDB (MySQL) and PostgreSQL in what is said to them.

On the servers texts are kept as bytes, UTF-8. So they are compared byte for byte, as in SQLite, whatever the
collation, character set or padding of a database, and there is no character that it cannot hold.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from oslo_db.exception import DBDeadlock
from sqlalchemy import (
    VARBINARY,
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    CursorResult,
    Dialect,
    Executable,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    TypeDecorator,
    bindparam,
    cast,
    extract,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.mysql import LONGBLOB
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from freezer_api.errors import CommandError
from freezer_api.repository.sql.index_text import BACKSLASH, FRAME

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


class _Parts(TypeDecorator[str]):
    """Parts of a framed text: a JSON list, and on the servers what they look for."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == POSTGRESQL:
            return dialect.type_descriptor(ARRAY(Text()))
        return dialect.type_descriptor(LargeBinary() if dialect.name == MYSQL else Text())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        parts = [part.encode() for part in orjson.loads(value or "")]
        if dialect.name == POSTGRESQL:
            return [_ESCAPED.sub(_escape, part).decode() for part in parts]
        return _pattern(parts) if dialect.name == MYSQL else value


_ESCAPED = re.compile(rb"[\\\x00\x80-\xff]")


def _escape(match: re.Match[bytes]) -> bytes:
    """Return a byte as PostgreSQL's ``encode(..., 'escape')`` has it."""
    return b"\\\\" if match[0] == b"\\" else b"\\%03o" % match[0][0]


def _pattern(parts: Iterable[bytes]) -> bytes:
    """Return a regular expression for any of the parts, whole.

    Parts share what they have in common at their beginnings, so that the time hardly depends on their number.
    """
    root: dict[int, Any] = {}
    for part in parts:
        node = root
        for byte in part + FRAME.encode():
            node = node.setdefault(byte, {})
    return b"\\x%02x" % ord(FRAME) + _alternatives(root)


def _alternatives(node: dict[int, Any]) -> bytes:
    run = b""
    while len(node) == 1:
        ((byte, node),) = node.items()
        run += b"\\x%02x" % byte
    if not node:
        return run
    branches = (b"\\x%02x" % byte + _alternatives(below) for byte, below in node.items())
    return run + b"(?:" + b"|".join(branches) + b")"


class _HasAny(FunctionElement[bool]):
    """Whether one of the listed parts is in the framed text. Clauses: the column, the list, and the same as a
    condition of one part after the other.
    """

    type = Boolean()
    inherit_cache = True


@compiles(_HasAny)
def _has_any(element: _HasAny, compiler: SQLCompiler, **options: Any) -> str:
    column, parts, _ = (compiler.process(clause, **options) for clause in element.clauses)
    # The text becomes a JSON list. A backslash in it would be taken for the beginning of an escape.
    text = f"json_quote(replace({column}, '\\', '{BACKSLASH}'))"
    split = f"json_each('[' || replace({text}, '\\u{ord(FRAME):04x}', '\",\"') || ']')"
    return f"EXISTS (SELECT 1 FROM {split} AS part WHERE part.value IN (SELECT value FROM json_each({parts})))"  # noqa: S608


@compiles(_HasAny, POSTGRESQL)
def _has_any_on_postgresql(element: _HasAny, compiler: SQLCompiler, **options: Any) -> str:
    column, parts, _ = (compiler.process(clause, **options) for clause in element.clauses)
    # In this form bytes are ASCII, which every encoding of a database has.
    split = f"unnest(string_to_array(encode({column}, 'escape'), chr({ord(FRAME)})))"
    return f"EXISTS (SELECT 1 FROM {split} AS part WHERE part = ANY (CAST({parts} AS text[])))"  # noqa: S608


@compiles(_HasAny, MYSQL)
def _has_any_on_mysql(element: _HasAny, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern, one_by_one = element.clauses
    if not getattr(compiler.dialect, "is_mariadb", False):
        # MySQL applies no regular expression to bytes.
        return f"({compiler.process(one_by_one, **options)})"
    return f"({compiler.process(column, **options)} REGEXP {compiler.process(pattern, **options)})"


def holds_any(column: ColumnElement[str], names: str, parts: Iterable[str]) -> ColumnElement[bool]:
    """Whether the text in the column has one of the parts in the value of ``names``, a JSON list of parts without
    their frames. ``parts``: names of the same parts with their frames, for databases that do not take a list.
    """
    one_by_one = or_(false(), *(holds(column, part) for part in parts))
    return _HasAny(column, bindparam(names, type_=_Parts()), one_by_one)


# Creations come one after the other until they are seen, and get the server's time, or that of the newest document
# plus one if this is later. So no document is seen before one of an earlier time (doc/adr/0018).

_OUR_LOCKS = 0x667A7200
"""By this number PostgreSQL tells our advisory locks from those of other programs in the same database."""


@dataclass(frozen=True)
class Creation:
    """``statement`` takes a row without ``created``, which ``time`` finds in its result; None: it did nothing.

    What it has to wait for first may be another statement in the same message, its execution option ``first``.
    """

    statement: Executable
    time: Callable[[CursorResult[Any]], int | None]


def clock(dialect: str) -> ColumnElement[Any]:
    """The server's time in epoch seconds, when it is evaluated."""
    if dialect == POSTGRESQL:
        return extract("epoch", func.clock_timestamp())
    # NOW would be the time at which the statement began.
    return func.unix_timestamp(literal_column("SYSDATE(6)"))


def creation(dialect: str, table: Table, turns: Table) -> Creation:
    """How a row of the table is made. ``turns``: a table with one row."""
    now = cast(clock(dialect) * 1_000_000, BigInteger)
    if dialect == POSTGRESQL:
        newest = select(func.max(table.c.created) + 1).scalar_subquery()
        statement = insert(table).values(created=func.greatest(now, newest)).returning(table.c.created)
        # A statement does not see what is committed while it waits; the next one in the same transaction does.
        turn = f"SELECT pg_advisory_xact_lock({_OUR_LOCKS}, {_turn_of(table)}); "
        return Creation(statement.execution_options(first=turn), lambda result: result.scalar())
    others = table.alias("others")
    # The condition is always true. It makes the server look after its turn, not before.
    in_turn = func.length(turns.c.version_num) >= 0
    behind = select(others.c.created + 1).where(in_turn).order_by(others.c.created.desc()).limit(1)
    behind_all = func.greatest(now, func.coalesce(behind.correlate(turns).scalar_subquery(), 0))
    # The function hands it on to the client, in the same answer.
    time = func.last_insert_id(behind_all)
    values = [
        time if column.name == "created" else bindparam(column.name, type_=column.type) for column in table.c
    ]
    row = select(*values).select_from(turns).with_for_update()
    return Creation(insert(table).from_select(list(table.c), row), lambda result: result.lastrowid or None)


def _turn_of(table: Table) -> int:
    """A number for each table, of 31 bits, and the same in every process."""
    return zlib.crc32(table.name.encode()) >> 1


# Upkeep: one at a time, from the look at what is there to the last change.

_UPKEEP = 0
"""The number of its lock; creations have others."""

_PATIENCE = 600
"""Seconds, on a server."""


@contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """Do this while no other process changes the same database; others wait. All of it happens or, but for MySQL,
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
        except DBDeadlock:
            raise _too_long() from None
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    yield
    connection.commit()


def _too_long() -> CommandError:
    return CommandError("another freezer-manage is at work at the same database, and does not end")


def _lock(function: str, *arguments: int) -> Executable:
    """MySQL's locks are the server's, so the name has to tell the databases apart."""
    return select(getattr(func, function)(func.concat("freezer-api ", func.md5(func.database())), *arguments))
