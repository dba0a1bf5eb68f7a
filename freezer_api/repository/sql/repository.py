"""The repository on SQL.

The token is creation time and version together: a version alone would come again when a key is deleted and
created anew.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, Select, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind
from freezer_api.documents.text import decode
from freezer_api.errors import AlreadyExists, Conflict
from freezer_api.repository import query as q
from freezer_api.repository.protocol import Page, Stored
from freezer_api.repository.sql.held import HeldConnections
from freezer_api.repository.sql.schema import TABLES, KindTable
from freezer_api.repository.sql.search import Search
from freezer_api.repository.sql.upkeep import check_current
from freezer_api.repository.texts import is_text


class _Statements:
    """The statements by key of one kind, built once."""

    def __init__(self, table: KindTable) -> None:
        columns = table.table.c
        current = (
            (columns.key == bindparam("the_key"))
            & (columns.created == bindparam("seen_created"))
            & (columns.version == bindparam("seen_version"))
        )
        self.insert = insert(table.table).inline()
        self.get: Select[Any] = select(columns.created, columns.version, columns.body).where(
            columns.key == bindparam("the_key")
        )
        self.update = update(table.table).where(current)
        self.delete = delete(table.table).where(current)


class SQLRepository:
    """Documents in the tables of ``schema``.

    The engines turn the driver's errors, all but ``IntegrityError``, into ours. Transactions of ``writing`` come
    one after the other, so that creations are seen in the order of their time; the threads of this process wait
    for theirs in ``turn``. ``clock`` gives microseconds since the epoch.
    """

    def __init__(
        self,
        reading: Engine,
        writing: Engine,
        turn: AbstractContextManager[None],
        *,
        is_good: Callable[[Connection], bool],
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._reading = reading
        self._held = HeldConnections(reading, is_good)
        self._writing = writing
        self._turn = turn
        self._clock = clock
        self._statements = {name: _Statements(table) for name, table in TABLES.items()}

    def create(self, kind: Kind, key: str, document: Document) -> Stored:
        row = TABLES[kind.name].contents(document)
        try:
            with self._turn, self._writing.connect() as connection, connection.begin():
                created = self._clock()
                row |= {"key": key, "created": created, "version": 1}
                connection.execute(self._statements[kind.name].insert, row)
        except IntegrityError:
            raise AlreadyExists(f"{kind.title} already registered with ID {key}") from None
        return Stored(key, document, 1, _token(created, 1))

    def get(self, kind: Kind, key: str) -> Stored | None:
        if not is_text(key):
            return None
        row = self._held().execute(self._statements[kind.name].get, {"the_key": key}).first()
        if row is None:
            return None
        created, version, body = row
        return Stored(key, decode(body), version, _token(created, version))

    def replace(self, kind: Kind, key: str, document: Document, token: str) -> Stored:
        created, version = _seen(token)
        contents = {**TABLES[kind.name].contents(document), "version": version + 1}
        self._change(self._statements[kind.name].update, contents, kind, key, token)
        return Stored(key, document, version + 1, _token(created, version + 1))

    def delete(self, kind: Kind, key: str, token: str) -> None:
        self._change(self._statements[kind.name].delete, {}, kind, key, token)

    def _change(self, statement: Any, contents: dict[str, Any], kind: Kind, key: str, token: str) -> None:
        created, version = _seen(token)
        values = {**contents, "the_key": key, "seen_created": created, "seen_version": version}
        if not is_text(key) or not self._has_changed(statement, values):
            raise Conflict(f"{kind.title} with ID {key} was changed by another request")

    def _has_changed(self, statement: Any, values: dict[str, Any]) -> bool:
        with self._turn, self._writing.connect() as connection, connection.begin():
            result: CursorResult[Any] = connection.execute(statement, values)
            return result.rowcount > 0

    def search(self, kind: Kind, query: q.Query) -> Page:
        search = Search(TABLES[kind.name], query)
        connection = self._held()
        total = None
        if query.with_total:
            with _moment(connection):
                rows = connection.execute(search.page(), search.values).all()
                total = connection.execute(search.total(), search.values).scalar_one()
        else:
            rows = connection.execute(search.page(), search.values).all()
        items = [
            Stored(key, decode(body), version, _token(created, version))
            for created, key, version, body, _rank in rows[: query.limit]
        ]
        position = None
        if len(rows) > query.limit:
            last = rows[query.limit - 1]
            position = q.Position(last.rank, last.created, last.key)
        return Page(items, position, total)

    def check(self) -> None:
        check_current(self._held())

    def close(self) -> None:
        self._held.close()
        self._writing.dispose()


@contextmanager
def _moment(connection: Connection) -> Iterator[None]:
    """Everything that is read in here is of one moment."""
    connection.exec_driver_sql("BEGIN")
    try:
        yield
    finally:
        connection.rollback()


def _token(created: int, version: int) -> str:
    return f"{created}.{version}"


def _seen(token: str) -> tuple[int, int]:
    """Creation time and version of a token that this store has given."""
    created, version = token.split(".")
    return int(created), int(version)
