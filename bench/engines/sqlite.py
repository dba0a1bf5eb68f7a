# SPDX-License-Identifier: Apache-2.0
"""SQLite. The bare calls are the statements of a request, executed by the module sqlite3 on the same file."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import Select, insert

from bench import floor, scenarios
from bench.engines import Aims
from bench.fleet import Fleet, Maker, Row
from bench.floor import Bare
from bench.wire import Request
from freezer_api.documents.kind import Kind
from freezer_api.repository.sql.compiled import compile_select
from freezer_api.repository.sql.schema import TABLES
from freezer_api.repository.sql.sqlite import SQLiteRepository, sqlite_engine
from tests.support.embedded import make_file

Statement = tuple[str, Sequence[Any]]

_BATCH_SIZE = 1000


@dataclass(frozen=True)
class SQLite:
    versions: Mapping[str, str]
    floor: ClassVar = "bare SQL"
    floor_of_writes: ClassVar = False
    aims: ClassVar = Aims({scenarios.GET.name: 2.0, scenarios.POLL.name: 2.0}, of_few_jobs=1.2)

    def fill(self, maker: Maker, directory: Path) -> "Filled":
        path = directory / "freezer.sqlite"
        make_file(path)
        engine = sqlite_engine(path)
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            for kind, rows in maker.kinds():
                while batch := [_columns(kind, row) for row in islice(rows, _BATCH_SIZE)]:
                    connection.execute(insert(TABLES[kind.name].table), batch)
            connection.commit()
        engine.dispose()
        return Filled(maker.fleet, path)


def _columns(kind: Kind, row: Row) -> dict[str, Any]:
    return {"key": row.key, "created": row.created, "version": 1, **TABLES[kind.name].contents(row.document)}


@dataclass(frozen=True)
class Filled:
    """A database file that contains all documents of a measurement."""

    fleet: Fleet
    path: Path

    @property
    def arguments(self) -> Sequence[str]:
        # Select an empty configuration file, so that the service does not read the user's own one.
        configuration = self.path.with_name("bench.conf")
        configuration.touch()
        return "--data-dir", str(self.path.parent), "--config-file", str(configuration)

    def bare(self, requests: Sequence[Request], status: int) -> Bare[Statement]:
        with closing(_Recording(self.path)) as repository:
            return Bare(list(floor.calls(repository, repository.recorded, requests, status)), self._opened)

    @contextmanager
    def _opened(self) -> Iterator[Callable[[Statement], object]]:
        with closing(sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)) as connection:
            connection.execute("PRAGMA cache_size = -8000")
            # Fetch the rows without converting them.
            yield lambda statement: connection.execute(*statement).fetchall()

    def counts(self) -> None:
        return None


class _Recording(SQLiteRepository):
    """A repository that records its statements."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, connections=1, read_timeout=30.0)
        self.recorded: list[Statement] = []

    def _read(
        self, statement: Select[Any], values: Mapping[str, Any], max_seconds: float | None = None
    ) -> Sequence[Any]:
        self.recorded.append(compile_select(statement).bind(values))
        return super()._read(statement, values, max_seconds)


def opened() -> AbstractContextManager[SQLite]:
    return nullcontext(SQLite({"sqlite": sqlite3.sqlite_version}))
