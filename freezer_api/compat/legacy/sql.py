# SPDX-License-Identifier: Apache-2.0
"""Read the SQL database of the original service, of any known revision, in one transaction."""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    NullPool,
    Select,
    TableClause,
    column,
    create_engine,
    inspect,
    literal_column,
    select,
    table,
)

from freezer_api.compat.legacy import rows
from freezer_api.compat.legacy.findings import Found, Refused, Source, source_errors
from freezer_api.compat.legacy.rows import Row
from freezer_api.documents.fields import Document
from freezer_api.documents.json_codec import one_line
from freezer_api.documents.kind import Kind
from freezer_api.errors import CommandError, Invalid
from freezer_api.repository.sql import urls
from freezer_api.repository.sql.dialects import POSTGRESQL, SQLITE
from freezer_api.repository.sql.servers import unbounded_engine

OPTION = "--from-sql"

REVISIONS = frozenset(
    {
        *("1", "2", "3"),
        *("1333cef214d9", "e74c32f034c5", "23c8ad2655a6", "29a2fd19eb86", "30a3fd20ec97"),
        *("4f8c679a1d3b", "a1b2c3d4e5f6", "5c9d21e87f34", "7a3b9c1d2e4f"),
    }
)
"""Revisions of sqlalchemy-migrate, which are numbers, and of alembic."""

_BATCH_SIZE = 200
"""Number of rows in a page."""

_ROW = ("id", "deleted", "created_at")
_OWNED = (*_ROW, "user_id", "project_id")
_NEEDED = {
    "clients": (*_OWNED, "uuid", "client_id", "hostname", "description"),
    "actions": (*_OWNED, "action", "backup_metadata", "max_retries", "max_retries_interval"),
    "jobs": (*_OWNED, "client_id", "session_id", "session_tag", "description", "schedule"),
    "sessions": (*_OWNED, "session_tag", "description", "hold_off", "schedule", "job", "status", "result"),
    "backups": (*_OWNED, "backup_metadata"),
}
_OPTIONAL_TABLES = {
    "job_actions": (*_ROW, "job_id", "action_id", "position"),
    "user_credentials": (*_ROW, "job_id", "trust_id", "trustor_user_id"),
}

_MAKE = {"backups": rows.backup, "clients": rows.client, "sessions": rows.session}


@contextmanager
def open_database(url: str, *, any_revision: bool = False) -> Iterator[Source]:
    """Return the documents of the database at a URL. Raises ``CommandError`` if it cannot be read.

    ``any_revision``: accept an unknown revision that has all required columns.
    """
    name, engine, begin = _database_at(url)
    with ExitStack() as stack:
        with source_errors(name):
            connection = stack.enter_context(engine.connect())
            for statement in begin:
                connection.exec_driver_sql(statement)
            reader = _Reader(connection, any_revision=any_revision)

        def _read(kind: Kind) -> Iterator[Found | Refused]:
            with source_errors(name):
                yield from reader.read(kind)

        yield Source(_read)


def _database_at(connection: str) -> tuple[str, Engine, tuple[str, ...]]:
    """Return the URL without the account, the engine, and the statements that begin a read-only transaction.

    The transaction sees the database at one moment. Raises ``CommandError`` if the original cannot have used it.
    """
    try:
        url = urls.parsed(connection)
        if url.drivername == SQLITE:
            return _file(Path(url.database or ""))
        if url.drivername == POSTGRESQL:
            raise CommandError("the original supports only MySQL, MariaDB and SQLite")
        driver = urls.driver(url, bounded=False)
    except CommandError as error:
        raise CommandError(f"{OPTION}: {error}") from None
    # The driver must not begin a transaction, because the statements below begin a read-only one.
    engine = unbounded_engine(driver).execution_options(isolation_level="AUTOCOMMIT")
    begin = (
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    )
    return urls.shown(url), engine, begin


def _file(path: Path) -> tuple[str, Engine, tuple[str, ...]]:
    if not path.is_file():
        raise CommandError(f"the file {path} does not exist")
    uri = f"{path.absolute().as_uri()}?mode=ro"

    def _connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        return connection

    engine = create_engine("sqlite://", creator=_connect, poolclass=NullPool, hide_parameters=True)
    return str(path), engine, ("PRAGMA query_only = ON", "BEGIN")


class _Reader:
    def __init__(self, connection: Connection, *, any_revision: bool) -> None:
        self._connection = connection
        names = set(inspect(connection).get_table_names())
        self._tables = {name: self._table(name) for name in (*_NEEDED, *_OPTIONAL_TABLES) if name in names}
        self._check(self._revision(names), any_revision=any_revision)
        self._jobs_hold_items = self._has("jobs", "job_actions")

    def _table(self, name: str) -> TableClause:
        """Return the table with the columns that exist."""
        nothing: Select[Any] = select(literal_column("*")).select_from(table(name)).limit(0)
        return table(name, *map(column, self._connection.execute(nothing).keys()))

    def _revision(self, names: Collection[str]) -> str | None:
        if "alembic_version" in names:
            found: Select[Any] = select(column("version_num")).select_from(table("alembic_version"))
        elif "migrate_version" in names:
            found = select(column("version")).select_from(table("migrate_version"))
            found = found.where(column("repository_id") == "freezer-api")
        else:
            return None
        revision = self._connection.execute(found).scalar()
        return None if revision is None else str(revision)

    def _check(self, revision: str | None, *, any_revision: bool) -> None:
        if not self._tables:
            raise CommandError("the tables of the original do not exist")
        lacking = list(self._lacking())
        if revision not in REVISIONS and (lacking or not any_revision):
            found = "no revision" if revision is None else f"the unknown revision {one_line(revision)}"
            way = f"they lack {', '.join(lacking)}" if lacking else "all columns exist, use --yes to read them"
            raise CommandError(f"the original's tables have {found}; {way}")
        if lacking:
            raise CommandError(f"the original's tables lack {', '.join(lacking)}")

    def _lacking(self) -> Iterator[str]:
        for name, needed in {**_NEEDED, **_OPTIONAL_TABLES}.items():
            if name in _NEEDED or name in self._tables:
                yield from (f"{name}.{one}" for one in needed if not self._has(name, one))
        if not self._has("jobs", "job_actions") and "job_actions" not in self._tables:
            yield "jobs.job_actions"

    def _has(self, name: str, column_name: str) -> bool:
        return name in self._tables and column_name in self._tables[name].c

    def read(self, kind: Kind) -> Iterator[Found | Refused]:
        match kind.name:
            case "jobs":
                yield from self._jobs(kind)
            case "actions":
                yield from self._rows_of(kind, rows.action)
                yield from self._unlisted()
            case name:
                yield from self._rows_of(kind, _MAKE[name])

    def _pages(self, name: str) -> Iterator[list[Row]]:
        """Yield pages of rows that were not deleted, by id."""
        there = self._tables[name]
        page = select(*there.c).order_by(there.c.id).limit(_BATCH_SIZE)
        last = None
        while True:
            query = page if last is None else page.where(there.c.id > last)
            found = self._rows(query)
            yield list(filter(rows.is_current, found))
            if len(found) < _BATCH_SIZE:
                return
            last = found[-1]["id"]

    def _where(self, name: str, column_name: str, values: Iterable[Any]) -> list[Row]:
        """Return the rows that have one of the values in the column and were not deleted."""
        there = self._tables[name]
        query = select(*there.c).where(there.c[column_name].in_(list(values)))
        return list(filter(rows.is_current, self._rows(query)))

    def _rows(self, query: Select[Any]) -> list[Row]:
        return [dict(row) for row in self._connection.execute(query).mappings()]

    def _rows_of(self, kind: Kind, make: Callable[[Row], Document]) -> Iterator[Found | Refused]:
        for page in self._pages(kind.name):
            for row in page:
                yield _made(kind, row, make)

    def _unlisted(self) -> Iterator[Found]:
        """Yield actions that are stored only in jobs."""
        given: set[Any] = set()
        for page in self._pages("jobs") if self._jobs_hold_items else ():
            entries = [(row, entry) for row in page for entry in rows.library_entries(row)]
            listed = self._where("actions", "id", {entry["action_id"] for _row, entry in entries})
            given.update(row["id"] for row in listed)
            for row, entry in entries:
                if entry["action_id"] not in given:
                    given.add(entry["action_id"])
                    yield Found(entry["action_id"], entry, created=rows.created_of(row))

    def _jobs(self, kind: Kind) -> Iterator[Found | Refused]:
        for page in self._pages("jobs"):
            ids = [row["id"] for row in page]
            items = None if self._jobs_hold_items else self._items(ids)
            credentials = self._credentials(ids)
            for row in page:
                of_job = None if items is None else items.get(row["id"], ())
                yield _made(
                    kind, row, partial(rows.job, actions_of_job=of_job, credentials=credentials.get(row["id"]))
                )

    def _items(self, job_ids: list[Any]) -> dict[Any, list[Row]]:
        """Return the actions of each job in their order."""
        places = sorted(self._where("job_actions", "job_id", job_ids), key=lambda row: row["position"] or 0)
        current = self._where("actions", "id", {place["action_id"] for place in places})
        by_id = {row["id"]: row for row in current}
        found = defaultdict(list)
        for place in places:
            if place["action_id"] in by_id:
                found[place["job_id"]].append(by_id[place["action_id"]])
        return found

    def _credentials(self, job_ids: list[Any]) -> dict[Any, Row]:
        if "user_credentials" not in self._tables:
            return {}
        return {row["job_id"]: row for row in self._where("user_credentials", "job_id", job_ids)}


def _made(kind: Kind, row: Row, make: Callable[[Row], Document]) -> Found | Refused:
    label = str(row["client_id"] if kind.name == "clients" else row["id"])
    try:
        return Found(label, make(row), created=rows.created_of(row))
    except Invalid as error:
        return Refused(kind, label, str(error))
