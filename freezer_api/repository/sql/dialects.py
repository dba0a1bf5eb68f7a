# SPDX-License-Identifier: Apache-2.0
"""Differences between the SQL of SQLite, MariaDB (MySQL) and PostgreSQL.

The servers store texts as bytes, in UTF-8. So they compare them byte for byte, as SQLite does, whatever the
collation, character set or padding of the database, and can store every character (doc/adr/0019).
"""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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
from freezer_api.repository.sql.index_text import BACKSLASH, UNIT

SQLITE, MYSQL, POSTGRESQL = "sqlite", "mysql", "postgresql"

_MAX_CHARACTER_BYTES = 4

TABLE_OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_row_format": "DYNAMIC"}
"""Options that allow 3,072 bytes in an index, independently of the server's defaults."""


class _Bytes(TypeDecorator[str]):
    """Text that the server stores as UTF-8, of at most ``max_bytes`` bytes if that is not None."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, max_bytes: int | None = None) -> None:
        super().__init__()
        self.max_bytes = max_bytes

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == POSTGRESQL:
            return dialect.type_descriptor(LargeBinary())
        return dialect.type_descriptor(LONGBLOB() if self.max_bytes is None else VARBINARY(self.max_bytes))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else value.encode()

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], str | None]:  # noqa: ARG002
        return _decoded


def _decoded(value: Any) -> str | None:
    return None if value is None else str(value, "utf-8")


def exact_text(max_characters: int | None = None, *, ascii_only: bool = False) -> TypeEngine[str]:
    """Return the type of a column for texts, of any length without ``max_characters``."""
    if max_characters is None:
        return Text().with_variant(_Bytes(), MYSQL, POSTGRESQL)
    max_bytes = max_characters * (1 if ascii_only else _MAX_CHARACTER_BYTES)
    return String(max_characters).with_variant(_Bytes(max_bytes), MYSQL, POSTGRESQL)


class _Position(FunctionElement[int]):
    """The SQL expression for the position of the second text in the first, from 1; 0 if it does not occur."""

    type = Integer()
    inherit_cache = True


@compiles(_Position)
def _instr(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(_Position, POSTGRESQL)
def _position(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    text, part = (compiler.process(clause, **options) for clause in element.clauses)
    return f"position({part} in {text})"


def holds(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Return the condition that the text in the column contains the bound value ``name``."""
    return _Position(column, bindparam(name, type_=column.type)) > 0


class _Parts(TypeDecorator[str]):
    """A JSON list of parts of a framed text, as each database takes it: JSON, an array or a regular expression."""

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
    """Return a byte as PostgreSQL's ``encode(..., 'escape')`` writes it."""
    return b"\\\\" if match[0] == b"\\" else b"\\%03o" % match[0][0]


def _pattern(parts: Iterable[bytes]) -> bytes:
    """Return a regular expression that matches each of the parts as a whole.

    Common prefixes are merged, so that the time hardly depends on the number of parts.
    """
    root: dict[int, Any] = {}
    for part in parts:
        node = root
        for byte in part + UNIT.encode():
            node = node.setdefault(byte, {})
    return b"\\x%02x" % ord(UNIT) + _alternatives(root)


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
    """The SQL condition that one of the listed parts is in the framed text.

    Clauses: the column, the list, and the same condition with one comparison for each part.
    """

    type = Boolean()
    inherit_cache = True


@compiles(_HasAny)
def _has_any(element: _HasAny, compiler: SQLCompiler, **options: Any) -> str:
    column, parts, _ = (compiler.process(clause, **options) for clause in element.clauses)
    # Turn the text into a JSON list. A backslash, which would begin an escape, is replaced.
    text = f"json_quote(replace({column}, '\\', '{BACKSLASH}'))"
    split = f"json_each('[' || replace({text}, '\\u{ord(UNIT):04x}', '\",\"') || ']')"
    return f"EXISTS (SELECT 1 FROM {split} AS part WHERE part.value IN (SELECT value FROM json_each({parts})))"  # noqa: S608


@compiles(_HasAny, POSTGRESQL)
def _has_any_on_postgresql(element: _HasAny, compiler: SQLCompiler, **options: Any) -> str:
    column, parts, _ = (compiler.process(clause, **options) for clause in element.clauses)
    # Escaped bytes are ASCII, which every database encoding contains.
    split = f"unnest(string_to_array(encode({column}, 'escape'), chr({ord(UNIT)})))"
    return f"EXISTS (SELECT 1 FROM {split} AS part WHERE part = ANY (CAST({parts} AS text[])))"  # noqa: S608


@compiles(_HasAny, MYSQL)
def _has_any_on_mysql(element: _HasAny, compiler: SQLCompiler, **options: Any) -> str:
    column, pattern, one_by_one = element.clauses
    if not getattr(compiler.dialect, "is_mariadb", False):
        # MySQL does not apply regular expressions to bytes.
        return f"({compiler.process(one_by_one, **options)})"
    return f"({compiler.process(column, **options)} REGEXP {compiler.process(pattern, **options)})"


def holds_any(column: ColumnElement[str], names: str, parts: Iterable[str]) -> ColumnElement[bool]:
    """Return the condition that the text in the column contains one of the parts.

    ``names``: the bound value with the JSON list of the parts, without their frames. ``parts``: the bound values
    with one part each, with its frames, for databases that do not take a list.
    """
    one_by_one = or_(false(), *(holds(column, part) for part in parts))
    return _HasAny(column, bindparam(names, type_=_Parts()), one_by_one)


# Creations are serialized until they are visible, and get the server's time, or that of the newest document plus
# one if this is later. So no document becomes visible before one with an earlier time (doc/adr/0018).

_LOCK_CLASS = 0x667A7200
"""The first number of this service's advisory locks in PostgreSQL. Other programs use other numbers."""

_SCHEMA_LOCK = 0
"""The second number of the lock of ``freezer-manage``; creations use other numbers."""

_SCHEMA_LOCK_TIMEOUT = 600
"""Seconds to wait for the lock on a server."""


def clock(dialect: str) -> ColumnElement[Any]:
    """Return the server's time in epoch seconds at its evaluation."""
    if dialect == POSTGRESQL:
        return extract("epoch", func.clock_timestamp())
    # NOW() is the time at which the statement began.
    return func.unix_timestamp(literal_column("SYSDATE(6)"))


def build_creation(dialect: str, table: Table, lock: Table) -> Insert:
    """Return the statement that creates a row of the table; its result is for :func:`created_time`.

    ``lock``: a table whose only row is locked meanwhile. The execution option ``first`` is another statement, that
    goes before it in the same message.
    """
    now = cast(clock(dialect) * 1_000_000, BigInteger)
    if dialect == POSTGRESQL:
        newest = select(func.max(table.c.created) + 1).scalar_subquery()
        statement = insert(table).values(created=func.greatest(now, newest)).returning(table.c.created)
        # A statement does not see rows committed while it waits for a lock; the next one in the transaction does.
        number = zlib.crc32(table.name.encode()) >> 1
        locking = f"SELECT pg_advisory_xact_lock({_LOCK_CLASS}, {number}); "
        return statement.execution_options(first=locking)
    others = table.alias("others")
    # The condition is always true. It makes the server read the newest row after it has got the lock.
    is_locked = func.length(lock.c.version_num) >= 0
    next_time = select(others.c.created + 1).where(is_locked).order_by(others.c.created.desc()).limit(1)
    created = func.greatest(now, func.coalesce(next_time.correlate(lock).scalar_subquery(), 0))
    # LAST_INSERT_ID returns the value to the client, in the response to the same statement.
    time = func.last_insert_id(created)
    values = [
        time if column.name == "created" else bindparam(column.name, type_=column.type) for column in table.c
    ]
    row = select(*values).select_from(lock).with_for_update()
    return insert(table).from_select(list(table.c), row)


def created_time(result: CursorResult[Any]) -> int | None:
    """Return ``created`` of the row that a creation added, None if it added none."""
    return result.scalar() if result.returns_rows else result.lastrowid or None


@contextmanager
def schema_lock(connection: Connection) -> Iterator[None]:
    """Keep other processes from changing the tables. Except on MySQL, which cannot roll back DDL, this is a
    transaction.
    """
    dialect = connection.dialect.name
    # Locks of MySQL belong to the server; the name contains that of the database.
    name = func.concat("freezer-api ", func.md5(func.database()))
    is_locked = True
    if dialect == MYSQL:
        is_locked = bool(connection.execute(select(func.get_lock(name, _SCHEMA_LOCK_TIMEOUT))).scalar())
    elif dialect == POSTGRESQL:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_SCHEMA_LOCK_TIMEOUT}s'")
        try:
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK_CLASS, _SCHEMA_LOCK)))
        except DBDeadlock:
            is_locked = False
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    if not is_locked:
        raise CommandError("timed out waiting for another freezer-manage process to release the schema lock")
    yield
    if dialect == MYSQL:
        connection.execute(select(func.release_lock(name)))
    else:
        connection.commit()
