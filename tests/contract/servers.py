"""What the drivers of the database servers share: one store per server, emptied for each test."""

from functools import cache

from sqlalchemy import make_url

from freezer_api.repository.sql import urls
from freezer_api.repository.sql.repository import SQLRepository
from freezer_api.repository.sql.schema import TABLES
from freezer_api.repository.sql.servers import Driver, Pooling, Waiting, open_server, server_upkeep
from tests.servers.sql.shared import SHARED


def driver(address: str, *, bounded: bool = True) -> Driver:
    return urls.driver(urls.parsed(address), sql_mode="TRADITIONAL", bounded=bounded)


def sync(address: str) -> None:
    upkeep = server_upkeep(driver(address, bounded=False), Waiting(tries=0))
    upkeep.sync([], erase=lambda _question: False)
    upkeep.close()


@cache
def _made(name: str) -> str:
    address = SHARED.database(name)
    sync(address)
    return address


def make(name: str) -> str:
    """The address of an empty store on the run's server."""
    address = _made(name)
    SHARED.server(name).run(
        *(f"DELETE FROM {table.table.name}" for table in TABLES.values()), database=make_url(address).database
    )
    return address


def open_repository(address: str) -> SQLRepository:
    return open_server(driver(address), Pooling())
