# SPDX-License-Identifier: Apache-2.0
"""MariaDB and PostgreSQL, started with durable settings: an acknowledged write is on the disk.

The bare calls are the statements of a request, sent to the same database with the driver but without SQLAlchemy.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import Engine as Connected
from sqlalchemy import event, insert, make_url

from bench import floor, scenarios
from bench.engines import Aims
from bench.fleet import Fleet, Maker, Row
from bench.floor import Bare
from bench.wire import Request
from freezer_api.documents.kind import Kind
from freezer_api.repository.sql.schema import TABLES
from tests.contract import databases
from tests.support.sql.server import SERVERS, SQLServer

Statement = tuple[str, Any]

_ROWS_AT_ONCE = 500
_READS = (scenarios.GET, scenarios.LIST, scenarios.POLL, scenarios.DEEP)


@dataclass(frozen=True)
class Database:
    server: SQLServer
    versions: Mapping[str, str]
    floor: ClassVar = "bare SQL"
    floor_of_writes: ClassVar = False
    aims: ClassVar = Aims(
        # The bare calls take little time, so SQLAlchemy's share of a request is larger than on other stores.
        {scenarios.GET.name: 2.5, scenarios.POLL.name: 2.5},
        of_few_jobs=1.5,
        trips={scenario.name: 1.0 for scenario in (*_READS, scenarios.CREATE_BACKUP)},
    )

    def fill(self, maker: Maker, directory: Path) -> "Filled":
        directory.mkdir()
        url = self.server.create_database(f"bench{uuid.uuid4().hex}")
        databases.sync(url)
        with closing(databases.admin(url)) as admin, admin.engine.connect() as connection:
            for kind, rows in maker.kinds():
                while batch := [_columns(kind, row) for row in islice(rows, _ROWS_AT_ONCE)]:
                    connection.execute(insert(TABLES[kind.name].table), batch)
            connection.commit()
        self._count(url)
        return Filled(maker.fleet, url, directory / "bench.conf")

    def _count(self, url: str) -> None:
        """Update the statistics of the query planner, which the server would do during the measurement."""
        tables = ", ".join(table.table.name for table in TABLES.values())
        say = f"ANALYZE TABLE {tables}" if self.server.name == "mariadb" else f"VACUUM ANALYZE {tables}"
        self.server.run(say, database=make_url(url).database)


def _columns(kind: Kind, row: Row) -> dict[str, Any]:
    return {"key": row.key, "created": row.created, "version": 1, **TABLES[kind.name].contents(row.document)}


@dataclass(frozen=True)
class Filled:
    """A database that contains all documents of a measurement."""

    fleet: Fleet
    url: str
    configuration: Path

    @property
    def arguments(self) -> Sequence[str]:
        self.configuration.write_text(f"[database]\nconnection = {self.url}\n")
        return "--config-file", str(self.configuration)

    def bare(self, requests: Sequence[Request], status: int) -> Bare[Statement]:
        with closing(databases.open_repository(self.url)) as repository:
            repository.check()
            with _record() as recorded:
                return Bare(list(floor.calls(repository, recorded, requests, status)), self._opened)

    @contextmanager
    def _opened(self) -> Iterator[Callable[[Statement], object]]:
        with closing(databases.driver(self.url).connect(60.0)) as connection, connection.cursor() as cursor:

            def _execute(statement: Statement) -> object:
                cursor.execute(*statement)
                # Fetch the rows without converting them.
                return cursor.fetchall() if cursor.description else None

            yield _execute

    def counts(self) -> None:
        return None


@contextmanager
def _record() -> Iterator[list[Statement]]:
    recorded: list[Statement] = []

    def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        recorded.append((statement, parameters))

    event.listen(Connected, "before_cursor_execute", record)
    try:
        yield recorded
    finally:
        event.remove(Connected, "before_cursor_execute", record)


@contextmanager
def opened(name: str, directory: Path) -> Iterator[Database]:
    with SERVERS[name](directory) as server:
        yield Database(server, {f"{name} server": server.version()})
