"""The repository on SQL.

The token is creation time and version together: a version alone would come again when a key is deleted and
created anew.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, CursorResult, Engine, bindparam, delete, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind
from freezer_api.documents.text import decode
from freezer_api.errors import AlreadyExists, Conflict, StoreFailed, Unavailable
from freezer_api.repository import query as q
from freezer_api.repository.protocol import Page, Stored
from freezer_api.repository.sql import index_text
from freezer_api.repository.sql.schema import TABLES, KindTable
from freezer_api.repository.sql.search import Translation, page_statement, total_statement
from freezer_api.repository.sql.upkeep import check_current

LOG = logging.getLogger(__name__)


class _Statements:
    """The statements by key of one kind, built once."""

    def __init__(self, table: KindTable) -> None:
        columns = table.table.c
        current = (
            (columns.key == bindparam("the_key"))
            & (columns.created == bindparam("seen_created"))
            & (columns.version == bindparam("seen_version"))
        )
        self.insert = insert(table.table)
        self.get = select(columns.key, columns.created, columns.version, columns.body).where(
            columns.key == bindparam("the_key")
        )
        self.update = update(table.table).where(current)
        self.delete = delete(table.table).where(current)


class SQLRepository:
    """Documents in the tables of ``schema``; ``clock`` gives microseconds since the epoch."""

    def __init__(
        self,
        engine: Engine,
        *,
        timeout: float,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._engine = engine
        self._timeout = timeout
        self._clock = clock
        self._statements = {name: _Statements(table) for name, table in TABLES.items()}
        # SQLite has one writer at a time and lets others poll for their turn; threads of one process queue here.
        self._turn = threading.Lock()

    def create(self, kind: Kind, key: str, document: Document) -> Stored:
        contents = TABLES[kind.name].contents(document)
        try:
            with self._writing() as connection:
                # Read in the transaction, so that the order of creation is the order in which creations are seen.
                created = self._clock()
                row = {"key": key, "created": created, "version": 1, **contents}
                connection.execute(self._statements[kind.name].insert, row)
        except IntegrityError:
            raise AlreadyExists(f"{kind.title} already registered with ID {key}") from None
        return Stored(key, document, 1, _token(created, 1))

    def get(self, kind: Kind, key: str) -> Stored | None:
        with self._reading() as connection:
            row = connection.execute(self._statements[kind.name].get, {"the_key": key}).first()
        return None if row is None else _stored(row)

    def replace(self, kind: Kind, key: str, document: Document, token: str) -> Stored:
        created, version = _seen(token)
        contents = TABLES[kind.name].contents(document)
        contents["version"] = version + 1
        self._change(self._statements[kind.name].update.values(contents), kind, key, token)
        return Stored(key, document, version + 1, _token(created, version + 1))

    def delete(self, kind: Kind, key: str, token: str) -> None:
        self._change(self._statements[kind.name].delete, kind, key, token)

    def _change(self, statement: Any, kind: Kind, key: str, token: str) -> None:
        created, version = _seen(token)
        seen = {"the_key": key, "seen_created": created, "seen_version": version}
        with self._writing() as connection:
            result: CursorResult[Any] = connection.execute(statement, seen)
            changed = result.rowcount
        if not changed:
            raise Conflict(f"{kind.title} with ID {key} was changed by another request")

    def search(self, kind: Kind, query: q.Query) -> Page:
        translation = Translation(TABLES[kind.name])
        shape = translation.shape(q.All(query.conditions))
        values = {**translation.values, "limit": query.limit + 1, "offset": query.offset}
        if query.exact_first is not None:
            values["exact"] = index_text.value(query.exact_first)
        if query.after is not None:
            values["after_created"], values["after_key"] = query.after.created, query.after.key
            if query.exact_first is not None:
                values["after_rank"] = query.after.rank
        statement = page_statement(kind.name, shape, query.exact_first is not None, query.after is not None)
        with self._reading() as connection:
            rows = connection.execute(statement, values).all()
            total = None
            if query.with_total:
                total = connection.execute(total_statement(kind.name, shape), translation.values).scalar_one()
        shown = rows[: query.limit]
        more = len(rows) > query.limit
        last = shown[-1] if more else None
        position = None if last is None else q.Position(last.rank, last.created, last.key)
        return Page([_stored(row) for row in shown], position, total)

    def check(self) -> None:
        with self._reading() as connection:
            check_current(connection)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        if not self._turn.acquire(timeout=self._timeout):
            raise Unavailable
        try:
            with _errors(), self._engine.connect() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
                connection.commit()
        finally:
            self._turn.release()


@contextmanager
def _errors() -> Iterator[None]:
    """The database's errors in Freezer's words; what it said goes to the log only, without values."""
    try:
        yield
    except IntegrityError:
        raise
    except (OperationalError, PoolTimeout) as error:
        LOG.error("The SQL store is not available: %s", getattr(error, "orig", error))
        raise Unavailable from None
    except DBAPIError as error:
        LOG.error("The SQL store failed: %s", error.orig)
        raise StoreFailed from None


def _stored(row: Any) -> Stored:
    key, created, version, body = row[:4]
    return Stored(key, decode(body), version, _token(created, version))


def _token(created: int, version: int) -> str:
    return f"{created}.{version}"


def _seen(token: str) -> tuple[int, int]:
    created, version = token.split(".")
    return int(created), int(version)
