# SPDX-License-Identifier: Apache-2.0
"""Drivers of SQL stores. Tests on one server share a store, which is emptied for each test."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from alembic import command
from sqlalchemy import make_url

from freezer_api.documents.fields import Document
from freezer_api.repository.sql import urls
from freezer_api.repository.sql.admin import SQLAdmin, alembic_config
from freezer_api.repository.sql.repository import SQLRepository
from freezer_api.repository.sql.schema import TABLES
from freezer_api.repository.sql.servers import Driver, ServerAdmin, ServerOptions, ServerRepository
from freezer_api.repository.sql.sqlite import FileAdmin
from tests.support.sql.server import PASSWORD
from tests.support.sql.shared import SHARED

__all__ = ["PASSWORD", "admin", "driver", "fill_former_layout", "make", "open_repository", "set_clock", "sync"]

FORMER = Path(__file__).parents[1] / "stores" / "sql" / "migrations"
"""Migrations of the layouts 0001 to 0005, from before the first release."""


def driver(address: str, *, bounded: bool = True, sql_mode: str = "TRADITIONAL") -> Driver:
    return urls.driver(urls.parsed(address), sql_mode=sql_mode, bounded=bounded)


def admin(address: str, *, retries: int = 0, interval: float = 10) -> SQLAdmin:
    """Return the administration of the database with this URL, or of the SQLite file with this path."""
    if "://" not in address:
        return FileAdmin(Path(address))
    made = driver(address, bounded=False)
    options = ServerOptions(max_retries=retries, retry_interval=interval)
    return ServerAdmin(made, options, urls.shown(urls.parsed(address)))


def sync(address: str) -> None:
    made = admin(address)
    made.sync([], erase=lambda _question: False)
    made.close()


def fill_former_layout(made: SQLAdmin, version: str, jobs: Mapping[str, Document]) -> None:
    """Store jobs in a layout from before the first release.

    Layouts before 0005 also indexed ``ASIDE`` fields as words of the document.
    """
    with made.engine.connect() as connection:
        config = alembic_config(connection)
        config.set_main_option("version_locations", str(FORMER))
        command.upgrade(config, version)
        connection.commit()
        for key, document in jobs.items():
            row = {"key": key, "created": 7, "version": 3, **TABLES["jobs"].contents(document)}
            row["texts"] += f"\x1f{document['job_schedule']['current_pid']}\x1f"
            connection.execute(TABLES["jobs"].table.insert().values({**row, "entries": "\x1f"}))
        connection.commit()


@cache
def _made(name: str) -> str:
    address = SHARED.database(name)
    sync(address)
    return address


def make(name: str) -> str:
    """Empty the store on the server that all tests share, and return its address."""
    address = _made(name)
    SHARED.server(name).run(
        *(f"DELETE FROM {table.table.name}" for table in TABLES.values()), database=make_url(address).database
    )
    return address


def open_repository(address: str) -> SQLRepository:
    return ServerRepository(driver(address), ServerOptions())


def set_clock(_repository: SQLRepository, _clock: Callable[[], int]) -> None:
    """Do nothing, because the server sets the time."""
