"""What the drivers of the database servers share: one store per server, emptied for each test."""

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import make_url

from freezer_api.repository.sql import urls
from freezer_api.repository.sql.admin import SQLAdmin
from freezer_api.repository.sql.repository import SQLRepository
from freezer_api.repository.sql.schema import TABLES
from freezer_api.repository.sql.servers import Driver, Pooling, Waiting, open_server, server_admin
from tests.support.sql.server import PASSWORD
from tests.support.sql.shared import SHARED

__all__ = ["PASSWORD", "admin", "driver", "make", "open_repository", "set_clock", "sync"]


def driver(address: str, *, bounded: bool = True, sql_mode: str = "TRADITIONAL") -> Driver:
    return urls.driver(urls.parsed(address), sql_mode=sql_mode, bounded=bounded)


def admin(address: str, **waiting: Any) -> SQLAdmin:
    made = driver(address, bounded=False)
    return server_admin(made, Waiting(**{"tries": 0, **waiting}), urls.shown(urls.parsed(address)))


def sync(address: str) -> None:
    made = admin(address)
    made.sync([], erase=lambda _question: False)
    made.close()


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


def set_clock(_repository: SQLRepository, _clock: Callable[[], int]) -> None:
    """The time is the server's."""
