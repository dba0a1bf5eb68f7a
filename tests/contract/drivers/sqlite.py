"""SQLite in a file."""

import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from freezer_api.repository.protocol import Repository
from freezer_api.repository.sql.admin import sync
from freezer_api.repository.sql.sqlite import open_sqlite, sqlite_engine


def make(directory: Path) -> str:
    return str(shutil.copy(_empty(), directory / "freezer.sqlite"))


def open_repository(address: str) -> Repository:
    return open_sqlite(Path(address), timeout=10.0)


def set_clock(repository: Any, clock: Callable[[], int]) -> None:
    repository._access.clock = clock


@cache
def _empty() -> Path:
    path = Path(tempfile.mkdtemp()) / "empty.sqlite"
    engine = sqlite_engine(path, timeout=10.0, connections=1)
    sync(engine)
    engine.dispose()
    return path
