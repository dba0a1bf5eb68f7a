# SPDX-License-Identifier: Apache-2.0
"""Fixtures: databases and dumps of the original service, and the command that imports them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, NullPool, create_engine, make_url

from tests.commands.conftest import config, file, made, manage
from tests.compat.legacy import original, sample
from tests.compat.legacy.original import HEAD, Rows
from tests.support.sql.shared import SQLServers

__all__ = ["config", "file", "made", "manage"]

Make = Callable[..., str]


@pytest.fixture
def old(tmp_path: Path, sql_servers: SQLServers) -> Make:
    """Return a function that creates a database of the original (by default the sample) and returns its URL."""
    made: list[str] = []

    def _place(server: str | None) -> tuple[str, Engine]:
        if server is None:
            url = f"sqlite:///{tmp_path}/original{len(made)}.sqlite"
            return url, create_engine(url, poolclass=NullPool)
        url, running = sql_servers.database(server), sql_servers.server(server)
        name = make_url(url).database
        return url, create_engine("mysql+pymysql://", creator=lambda: running.connect(name), poolclass=NullPool)

    def _make(revision: str = HEAD, rows: Rows | None = None, server: str | None = None) -> str:
        url, engine = _place(server)
        made.append(url)
        with engine.connect() as connection:
            original.make(connection, revision)
            original.fill(connection, sample.rows() if rows is None else rows)
        return url

    return _make


@pytest.fixture
def dump(tmp_path: Path) -> Callable[..., str]:
    """Return a function that writes these hits (by default the sample), one per line, and returns the path."""

    def _dump(*hits: object, name: str = "dump.json") -> str:
        file = tmp_path / name
        file.write_text("".join(json.dumps(hit) + "\n" for hit in hits or sample.hits()))
        return str(file)

    return _dump
