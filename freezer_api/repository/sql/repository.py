# SPDX-License-Identifier: Apache-2.0
"""The repository on SQL.

A token consists of creation time and version: the version alone would repeat if a key is deleted and created
again.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import Delete, Select, Update, bindparam, delete, select, update

from freezer_api.documents.fields import Document
from freezer_api.documents.json_codec import decode
from freezer_api.documents.kind import Kind
from freezer_api.documents.search_index import MAX_VALUES
from freezer_api.errors import AlreadyExists, Conflict, TooLarge
from freezer_api.repository import query as q
from freezer_api.repository.protocol import Original, Page, Repository, Stored
from freezer_api.repository.sql.schema import TABLES, KindTable
from freezer_api.repository.sql.search import Search, batches
from freezer_api.repository.texts import is_text

_MAX_BATCH_SIZE = 1_000_000
"""Characters of the rows of one statement. A character takes up to four bytes; by default servers accept 16 MiB.
"""


class KeyExists(Exception):
    """A row with this key exists."""


class _Statements:
    """The statements that select a row of one kind by its key. They are built once."""

    def __init__(self, table: KindTable) -> None:
        columns = table.table.c
        the_key = columns.key == bindparam("the_key")
        current = (
            the_key
            & (columns.created == bindparam("seen_created"))
            & (columns.version == bindparam("seen_version"))
        )
        self.existing: Select[Any] = select(columns.key).where(columns.key.in_(bindparam("keys", expanding=True)))
        self.get: Select[Any] = select(columns.created, columns.version, columns.body).where(the_key)
        self.update = update(table.table).where(current)
        self.delete = delete(table.table).where(current)


class SQLRepository(Repository):
    """Documents in the tables of ``schema``. ``max_values`` of each document are searchable.

    A subclass executes the statements in one database. ``takes_lists``: see
    :class:`~freezer_api.repository.sql.search.Search`. ``creates_many``: whether :meth:`_create` takes more than
    one row.
    """

    takes_lists: ClassVar[bool]
    creates_many: ClassVar[bool]

    def __init__(self, max_values: int = MAX_VALUES) -> None:
        self._max_values = max_values
        self._statements = {name: _Statements(table) for name, table in TABLES.items()}

    @abstractmethod
    def _read(
        self, statement: Select[Any], values: Mapping[str, Any], max_seconds: float | None = None
    ) -> Sequence[Any]:
        """Return the rows, with the columns as attributes. Raises ``SearchTooLong`` after ``max_seconds``."""

    @abstractmethod
    def _create(self, kind: Kind, rows: Sequence[dict[str, Any]]) -> int:
        """Create all of these rows, or none and raise ``KeyExists``.

        Return the ``created`` of the first row, which is later than that of every earlier row of the kind. Each
        further row has one more.
        """

    @abstractmethod
    def _restore(self, kind: Kind, rows: Sequence[dict[str, Any]]) -> None:
        """Create rows that have a ``created`` already: all of them, or none and raise ``KeyExists``."""

    @abstractmethod
    def _change(self, statement: Update | Delete, values: Mapping[str, Any]) -> bool:
        """Execute the statement. Return whether it changed a row."""

    def _contents(self, kind: Kind, document: Document) -> dict[str, Any]:
        return TABLES[kind.name].contents(document, self._max_values)

    def create(self, kind: Kind, key: str, document: Document) -> Stored:
        created = self.create_all(kind, {key: document})
        if not created:
            raise AlreadyExists(f"{kind.title} already registered with ID {key}")
        return created[key]

    def create_all(self, kind: Kind, documents: Mapping[str, Document]) -> dict[str, Stored]:
        rows = [{"key": key, "version": 1, **self._contents(kind, documents[key])} for key in documents]
        parts = [rows] if rows and self.creates_many else [[row] for row in rows]
        created = [pair for part in parts for pair in self._create_rows(kind, part)]
        return {key: _stored(key, documents[key], 1, time) for key, time in created}

    def _create_rows(self, kind: Kind, rows: list[dict[str, Any]]) -> list[tuple[str, int]]:
        """Create the rows whose key is free and return their keys and times of creation."""
        try:
            created = self._create(kind, rows)
        except KeyExists:
            singles = [[row] for row in rows] if len(rows) > 1 else []
            return [pair for single in singles for pair in self._create_rows(kind, single)]
        return [(row["key"], created + number) for number, row in enumerate(rows)]

    def restore(self, kind: Kind, originals: Sequence[Original]) -> list[bool | None]:
        keys = [original.key for original in originals]
        statement = self._statements[kind.name].existing
        existing = {row.key for row in self._read(statement, {"keys": keys})}
        rows = (
            {"key": key, "created": created, "version": version, **self._contents(kind, document)}
            for key, document, version, created in originals
            if key not in existing
        )
        parts = batches(rows, _size, _MAX_BATCH_SIZE)
        restored = iter([is_new for part in parts for is_new in self._restore_rows(kind, part)])
        return [next(restored) if key not in existing else False for key in keys]

    def _restore_rows(self, kind: Kind, rows: list[dict[str, Any]]) -> list[bool | None]:
        try:
            self._restore(kind, rows)
        except (KeyExists, TooLarge) as error:
            # Another process created one of them, two of them have the same key, or a statement takes only some.
            if len(rows) > 1:
                return [is_new for row in rows for is_new in self._restore_rows(kind, [row])]
            return [None if isinstance(error, TooLarge) else False]
        return [True] * len(rows)

    def get(self, kind: Kind, key: str) -> Stored | None:
        if not is_text(key):
            return None
        rows = self._read(self._statements[kind.name].get, {"the_key": key})
        if not rows:
            return None
        return _stored(key, decode(rows[0].body), rows[0].version, rows[0].created)

    def replace(self, kind: Kind, key: str, document: Document, token: str) -> Stored:
        created, version = _parse_token(token)
        contents = {**self._contents(kind, document), "version": version + 1}
        self._change_current(self._statements[kind.name].update, contents, kind, key, token)
        return _stored(key, document, version + 1, created)

    def delete(self, kind: Kind, key: str, token: str) -> None:
        self._change_current(self._statements[kind.name].delete, {}, kind, key, token)

    def _change_current(
        self, statement: Update | Delete, contents: dict[str, Any], kind: Kind, key: str, token: str
    ) -> None:
        created, version = _parse_token(token)
        values = {**contents, "the_key": key, "seen_created": created, "seen_version": version}
        if not is_text(key) or not self._change(statement, values):
            raise Conflict(f"{kind.title} with ID {key} was changed by another request")

    def search(self, kind: Kind, query: q.Query) -> Page:
        search = Search(TABLES[kind.name], query, takes_lists=self.takes_lists)
        rows = self._read(search.statement, search.values, query.max_seconds)
        total = None
        if query.with_total:
            total = rows[0].total
            rows = sorted((row for row in rows if row.key is not None), key=_position)
        shown = rows[: query.limit]
        items = [_stored(row.key, decode(row.body), row.version, row.created) for row in shown]
        return Page(items, _position(shown[-1]) if shown else None, len(rows) > query.limit, total)


def _size(row: Mapping[str, Any]) -> int:
    return sum(len(value) for value in row.values() if isinstance(value, str))


def _stored(key: str, document: Document, version: int, created: int) -> Stored:
    return Stored(key, document, version, f"{created}.{version}", created)


def _position(row: Any) -> q.Position:
    return q.Position(row.rank, row.created, row.key)


def _parse_token(token: str) -> tuple[int, int]:
    """Return the creation time and the version in a token."""
    created, version = token.split(".")
    return int(created), int(version)
