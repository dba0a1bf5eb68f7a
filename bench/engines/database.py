# SPDX-License-Identifier: Apache-2.0
"""MariaDB and PostgreSQL, started with durable settings: an acknowledged write is on the disk.

The bare calls are the statements of a request, sent to the same database with the driver but without SQLAlchemy.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import Engine as Connected
from sqlalchemy import event, make_url

from bench import floor, scenarios
from bench.engines import Aims
from bench.floor import Bare
from bench.servers import tree_cpu
from bench.wire import Request
from freezer_api.documents.kind import Kind
from freezer_api.repository.protocol import Repository
from freezer_api.repository.sql.schema import TABLES
from tests.contract import databases
from tests.support.sql.server import SERVERS, SQLServer

Statement = tuple[str, Any]


@dataclass(frozen=True)
class Database:
    name: str
    server: SQLServer
    versions: Mapping[str, str]
    floor: ClassVar = "bare SQL"
    waits: ClassVar = False
    aims: ClassVar = Aims(
        # The bare calls take little time, so SQLAlchemy's share of a request is larger than on other stores.
        {scenarios.GET_JOB.name: 2.5, scenarios.POLL.name: 2.5},
        trips={scenario.name: 1.0 for scenario in scenarios.ONE_CALL},
    )

    def create(self, directory: Path) -> "Schema":
        directory.mkdir(exist_ok=True)
        url = self.server.create_database(f"bench{uuid.uuid4().hex}")
        databases.sync(url)
        return Schema(url, directory / "bench.conf", self.server)

    def cpu(self) -> float:
        return tree_cpu(self.server.pid)


@dataclass(frozen=True)
class Schema:
    """A store in a database."""

    url: str
    configuration: Path
    server: SQLServer | None = field(compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the server, which cannot be sent to another process."""
        return {**vars(self), "server": None}

    @property
    def arguments(self) -> Sequence[str]:
        self.configuration.write_text(f"[database]\nconnection = {self.url}\n")
        return "--config-file", str(self.configuration)

    def open(self) -> Repository:
        return databases.open_repository(self.url)

    def settle(self) -> None:
        """Update the statistics of the query planner, which the server would do during the measurement."""
        assert self.server is not None
        tables = ", ".join(table.table.name for table in TABLES.values())
        say = f"ANALYZE TABLE {tables}" if self.server.name == "mariadb" else f"VACUUM ANALYZE {tables}"
        self.server.run(say, database=make_url(self.url).database)

    def bare(self, requests: Sequence[Request], status: int, *, writes: bool) -> Bare[Statement] | None:
        if writes:
            return None
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

    def size(self) -> None:
        return None

    def rewrite(self, _kind: Kind, _keys: Sequence[str]) -> None:
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
        ((version,),) = server.run("SELECT version()")
        yield Database(name, server, {f"{name} server": version})
