# SPDX-License-Identifier: Apache-2.0
"""The interface that the tests use to create and open each kind of store."""

import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from freezer_api.repository.protocol import Repository
from freezer_api.repository.sql.sqlite import SQLiteRepository
from tests.contract import databases, elastic
from tests.support.embedded import make_file
from tests.support.needs import SEARCH


class Driver(NamedTuple):
    name: str
    make: Callable[[Path], str]
    """Return the address of an empty store: a file in the directory, or the emptied store of the server."""
    open_repository: Callable[[str], Repository]
    set_clock: Callable[[Any, Callable[[], int]], None]
    """Replace the clock of a repository, unless the server sets the time."""


def find_driver(name: str) -> Driver:
    """Return the driver of the store with this name, such as ``elasticsearch9``."""
    if name == "sqlite":
        return Driver(name, _make_file, lambda path: SQLiteRepository(Path(path), timeout=10.0), _set_clock)
    if name in SEARCH:
        return Driver(name, lambda _: elastic.make(name), elastic.open_repository, elastic.set_clock)
    return Driver(name, lambda _: databases.make(name), databases.open_repository, databases.set_clock)


def _make_file(directory: Path) -> str:
    return str(shutil.copy(_empty_file(), directory))


@cache
def _empty_file() -> Path:
    path = Path(tempfile.mkdtemp()) / "freezer.sqlite"
    make_file(path)
    return path


def _set_clock(repository: Any, clock: Callable[[], int]) -> None:
    repository.clock = clock
