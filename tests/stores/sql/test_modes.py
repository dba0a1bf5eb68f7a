# SPDX-License-Identifier: Apache-2.0
"""``mysql_sql_mode``: documents are returned unchanged in every mode, or the mode is refused."""

from collections.abc import Iterator

import pytest

from freezer_api.errors import StoreFailed
from freezer_api.repository import query as q
from freezer_api.repository.sql.repository import SQLRepository
from freezer_api.repository.sql.servers import ServerOptions, ServerRepository
from tests.contract import databases
from tests.contract.asking import JOBS, found, is_, job
from tests.support.sql.server import SQLServer
from tests.support.sql.shared import SQLServers

pytestmark = pytest.mark.store("mariadb")

AWKWARD = "'\"\\', `--\n%s"


@pytest.fixture(scope="module")
def server(sql_servers: SQLServers) -> SQLServer:
    return sql_servers.server("mariadb")


@pytest.fixture(params=["", "ANSI", "no_backslash_escapes , ansi", "ORACLE"])
def repository(request: pytest.FixtureRequest, server: SQLServer, address: str) -> Iterator[SQLRepository]:
    """A store with this SQL mode. The server's default mode is not strict and parses statements differently."""
    ((before,),) = server.run("SELECT @@GLOBAL.sql_mode")
    server.run("SET GLOBAL sql_mode = 'ORACLE,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE'")
    repository = ServerRepository(databases.driver(address, sql_mode=request.param), ServerOptions())
    yield repository
    repository.close()
    server.run(f"SET GLOBAL sql_mode = '{before}'")


def test_value_too_long_for_its_column_is_refused(repository: SQLRepository) -> None:
    with pytest.raises(StoreFailed):
        repository.create(JOBS, "k" * 601, job("long"))
    assert found(repository) == []


def test_values_are_returned_unchanged(repository: SQLRepository) -> None:
    made = repository.create(JOBS, "one", job("one", n=AWKWARD, user_id=""))
    assert repository.get(JOBS, "one") == made
    repository.replace(JOBS, "one", job("one", n=AWKWARD, user_id=AWKWARD), made.token)
    assert found(repository, is_("user_id", AWKWARD)) == ["one"]
    assert found(repository, q.Not(is_("user_id", AWKWARD))) == []
