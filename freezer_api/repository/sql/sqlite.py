"""SQLite as a store: how its file is opened."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event

from freezer_api.repository.sql.repository import SQLRepository

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # An acknowledged write survives a power cut, not only a crash of the process.
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -8000",
    "PRAGMA temp_store = MEMORY",
)


def sqlite_engine(path: Path, *, timeout: float, connections: int) -> Engine:
    """An engine for the file at ``path``; ``timeout`` in seconds bounds the wait for another writer.

    The file is opened at the first use. The driver is told to leave transactions alone: a statement by itself
    commits by itself, and the repository begins its own.
    """
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": timeout, "isolation_level": None},
        pool_size=connections,
        max_overflow=0,
        pool_timeout=timeout,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        for pragma in _PRAGMAS:
            connection.execute(pragma)

    return engine


def open_sqlite(path: Path, *, timeout: float = 5.0, connections: int = 8) -> SQLRepository:
    """The repository in the file at ``path``, whose tables ``upkeep.sync`` has made."""
    return SQLRepository(sqlite_engine(path, timeout=timeout, connections=connections), timeout=timeout)
