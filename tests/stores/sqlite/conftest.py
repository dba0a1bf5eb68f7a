# SPDX-License-Identifier: Apache-2.0
"""Fixtures: a store in a SQLite file, and the statements that read it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from freezer_api.repository.sql.repository import SQLRepository
from freezer_api.repository.sql.sqlite import SQLiteRepository
from tests.support.embedded import make_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a store with the current layout and without documents."""
    return make_file(tmp_path / "data" / "freezer.sqlite")


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., SQLRepository]]:
    """Return a function that opens the store with these options."""
    repositories: list[SQLRepository] = []

    def _open(**options: Any) -> SQLRepository:
        repositories.append(SQLiteRepository(path, **options))
        return repositories[-1]

    yield _open
    for repository in repositories:
        repository.close()


@pytest.fixture
def repository(opened: Callable[..., SQLRepository]) -> SQLRepository:
    return opened(timeout=1.0)


@pytest.fixture
def statements(repository: SQLRepository) -> list[str]:
    """The SELECT statements that the test has sent so far, with their parameters inserted."""
    statements: list[str] = []

    @event.listens_for(repository.reading, "connect")
    def _listen(connection, _record):
        connection.set_trace_callback(statements.append)

    return statements
