# SPDX-License-Identifier: Apache-2.0
"""Fixtures: an empty store on MariaDB or PostgreSQL, and access to its server as administrator."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event, make_url

from freezer_api.repository.sql.repository import SQLRepository
from freezer_api.repository.sql.servers import ServerOptions, ServerRepository
from tests.contract import databases
from tests.contract.asking import JOBS
from tests.support.needs import SQL, on
from tests.support.sql.server import SQLServer
from tests.support.sql.shared import SQLServers


@pytest.fixture(scope="module", params=on(*SQL))
def server(request: pytest.FixtureRequest, sql_servers: SQLServers) -> SQLServer:
    """The server that all tests share."""
    return sql_servers.server(request.param)


@pytest.fixture
def address(server: SQLServer) -> str:
    """The URL of a current store without documents."""
    return databases.make(server.name)


@pytest.fixture
def admin(server: SQLServer, address: str) -> Callable[..., list[Any]]:
    """Return a function that runs statements as administrator in the store's database."""
    return lambda *statements: server.run(*statements, database=make_url(address).database)


@pytest.fixture
def opened(address: str) -> Iterator[Callable[..., SQLRepository]]:
    """A function that opens the store with these options."""
    repositories: list[SQLRepository] = []

    def _open(**options: Any) -> SQLRepository:
        repositories.append(ServerRepository(databases.driver(address), ServerOptions(**options)))
        return repositories[-1]

    yield _open
    for repository in repositories:
        repository.close()


@pytest.fixture
def repository(opened: Callable[..., SQLRepository]) -> SQLRepository:
    return opened()


@pytest.fixture
def statements(repository: SQLRepository) -> list[tuple[str, Any]]:
    """The statements that the test has sent so far, with their parameters."""
    repository.get(JOBS, "none")
    statements: list[tuple[str, Any]] = []

    @event.listens_for(repository.engine, "before_cursor_execute")
    def _note(_connection, _cursor, statement, parameters, _context, _many):
        statements.append((statement, parameters))

    return statements
