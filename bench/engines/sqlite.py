# SPDX-License-Identifier: Apache-2.0
"""SQLite. The bare calls are the statements of a request, executed by sqlite3 on a copy of the file."""

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from unittest.mock import patch

from bench import floor, scenarios
from bench.engines import Aims
from bench.floor import Bare
from bench.wire import Request
from freezer_api.documents.kind import Kind
from freezer_api.repository.protocol import Repository
from freezer_api.repository.sql.schema import TABLES
from freezer_api.repository.sql.sqlite import SQLiteRepository
from tests.support.embedded import make_file

Statement = tuple[str, Any]

_NAME = "freezer.sqlite"
_PRAGMAS = ("PRAGMA cache_size = -8000", "PRAGMA synchronous = FULL")


@dataclass(frozen=True)
class SQLite:
    versions: Mapping[str, str]
    name: str = "sqlite"
    floor: ClassVar = "bare SQL"
    waits: ClassVar = False
    aims: ClassVar = Aims({scenarios.GET_JOB.name: 2.0, scenarios.POLL.name: 2.0})

    def create(self, directory: Path) -> "File":
        return File(make_file(directory / _NAME))

    def cpu(self) -> float:
        return 0.0


@dataclass(frozen=True)
class File:
    """A store in a file."""

    path: Path

    @property
    def arguments(self) -> Sequence[str]:
        configuration = self.path.with_name("bench.conf")
        configuration.write_text(f"[database]\nconnection = sqlite:///{self.path}\n")
        return "--config-file", str(configuration)

    def open(self) -> Repository:
        return SQLiteRepository(self.path, timeout=120.0)

    def settle(self) -> None:
        """Copy the write-ahead log into the file."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def bare(self, requests: Sequence[Request], status: int, *, writes: bool) -> Bare[Statement]:
        if not writes:
            with _recorded() as recorded, closing(self.open()) as repository:
                asked = list(floor.calls(repository, recorded, requests, status))
            return Bare(asked, lambda: _opened(self.path))
        before = self._copy(self.path.with_name(f"before-{time.monotonic_ns()}.sqlite"))
        with before.copied() as copy, _recorded() as recorded, closing(copy.open()) as repository:
            asked = list(floor.calls(repository, recorded, requests, status))
        return Bare(asked, partial(_opened_copy, before), once=True)

    def _copy(self, path: Path) -> "File":
        self.settle()
        shutil.copyfile(self.path, path)
        return File(path)

    @contextmanager
    def copied(self) -> Iterator["File"]:
        """Copy the file, and remove the copy at the end of the context."""
        with TemporaryDirectory(dir=self.path.parent) as directory:
            yield self._copy(Path(directory) / _NAME)

    def counts(self) -> None:
        return None

    def size(self) -> int:
        self.settle()
        return self.path.stat().st_size

    def rewrite(self, kind: Kind, keys: Sequence[str]) -> float:
        table = TABLES[kind.name].table.name
        with closing(_connect(self.path)) as connection:
            rows = connection.execute(f"SELECT * FROM {table}").fetchall()
            columns = [column for column, *_ in connection.execute(f"SELECT * FROM {table} LIMIT 0").description]
            wanted, place = set(keys), columns.index("key")
            values = [(*row, row[place]) for row in rows if row[place] in wanted]
            changes = ", ".join(f"{column} = ?" for column in columns)
            begun = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(f"UPDATE {table} SET {changes} WHERE key = ?", values)
            connection.execute("COMMIT")
            return time.perf_counter() - begun

    def copy_rows(self, other: "File") -> float:
        """Insert all rows into the empty store ``other`` by bare statements, and return the seconds."""
        with closing(_connect(self.path)) as source, closing(_connect(other.path)) as target:
            seconds = 0.0
            for table in (table.table.name for table in TABLES.values()):
                rows = source.execute(f"SELECT * FROM {table}")
                marks = ", ".join("?" * len(rows.description))
                while batch := rows.fetchmany(1000):
                    begun = time.perf_counter()
                    target.execute("BEGIN IMMEDIATE")
                    target.executemany(f"INSERT INTO {table} VALUES ({marks})", batch)
                    target.execute("COMMIT")
                    seconds += time.perf_counter() - begun
        return seconds


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    return connection


@contextmanager
def _opened(path: Path) -> Iterator[Callable[[Statement], object]]:
    with closing(_connect(path)) as connection:
        # Fetch the rows without converting them.
        yield lambda statement: connection.execute(*statement).fetchall()


@contextmanager
def _opened_copy(file: File) -> Iterator[Callable[[Statement], object]]:
    with file.copied() as copy, _opened(copy.path) as execute:
        yield execute


@contextmanager
def _recorded() -> Iterator[list[Statement]]:
    """Record the statements of all connections that are opened in this context."""
    recorded: list[Statement] = []

    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, parameters: Any = (), /) -> "Cursor":
            if not sql.startswith("PRAGMA"):
                recorded.append((sql, parameters))
            super().execute(sql, parameters)
            return self

        def executemany(self, sql: str, rows: Iterable[Any], /) -> "Cursor":
            kept = list(rows)
            recorded.extend((sql, row) for row in kept)
            super().executemany(sql, kept)
            return self

    class Connection(sqlite3.Connection):
        def cursor(self, _factory: Any = None) -> Any:
            return super().cursor(Cursor)

        def execute(self, sql: str, parameters: Any = (), /) -> Any:
            return self.cursor().execute(sql, parameters)

        def commit(self) -> None:
            if self.in_transaction:
                recorded.append(("COMMIT", ()))
            super().commit()

        def rollback(self) -> None:
            if self.in_transaction:
                recorded.append(("ROLLBACK", ()))
            super().rollback()

    with patch.object(sqlite3, "connect", partial(sqlite3.connect, factory=Connection)):
        yield recorded


def opened() -> AbstractContextManager[SQLite]:
    return nullcontext(SQLite({"sqlite": sqlite3.sqlite_version}))
