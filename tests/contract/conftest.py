# SPDX-License-Identifier: Apache-2.0
"""Fixtures: each driver, an empty store, and other processes that use the same store."""

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from freezer_api.repository.protocol import Repository
from tests.contract.drivers import Driver, find_driver
from tests.support.needs import STORES, on

HERE = Path(__file__).parent


OTHERS = ("elasticsearch8", "opensearch2", "opensearch3", "postgresql")


@pytest.fixture(scope="session", params=on(*STORES, slow=OTHERS))
def driver(request: pytest.FixtureRequest) -> Driver:
    return find_driver(request.param)


@pytest.fixture
def address(driver: Driver, tmp_path: Path) -> str:
    address: str = driver.make(tmp_path)
    return address


@pytest.fixture
def opened(driver: Driver, address: str) -> Iterator[Callable[[], Repository]]:
    """Return a function that opens the store in this process."""
    repositories: list[Repository] = []

    def _open() -> Repository:
        repositories.append(driver.open_repository(address))
        return repositories[-1]

    yield _open
    for repository in repositories:
        repository.close()


@pytest.fixture
def repository(opened: Callable[[], Repository]) -> Repository:
    return opened()


@pytest.fixture(scope="module")
def lasting(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    """A store that all tests of a module share. Each test leaves it empty."""
    repository: Repository = driver.open_repository(driver.make(tmp_path_factory.mktemp("lasting")))
    yield repository
    repository.close()


class Process:
    """A separate process that calls the repository of the store at ``address``."""

    def __init__(self, driver: str) -> None:
        self.address = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.contract.worker", driver],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=HERE.parents[1],
        )

    def start(self, *calls: tuple[Any, ...], one_by_one: bool = False) -> None:
        """Send calls, each ``(method, kind name, arguments ...)``, without waiting for their results."""
        assert self._process.stdin is not None
        pickle.dump((self.address, calls, one_by_one), self._process.stdin)
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Wait for the calls sent by ``start``. Return the result of each, or the name of its error."""
        return pickle.load(self._process.stdout)

    def do(self, *call: Any) -> Any:
        """Make one call, and return its result or the name of its error."""
        self.start(call)
        return self.answer()[0]

    def kill(self) -> None:
        self._process.kill()
        self.end()

    def end(self) -> None:
        self._process.communicate(timeout=30)


@pytest.fixture(scope="session")
def _running(driver: Driver) -> Iterator[list[Process]]:
    running = [Process(driver.name) for _ in range(4)]
    yield running
    for process in running:
        process.end()


@pytest.fixture
def processes(_running: list[Process], address: str) -> list[Process]:
    """Four separate processes that use the store."""
    for process in _running:
        process.address = address
    return _running


@pytest.fixture
def mortal(driver: Driver, address: str) -> Iterator[Process]:
    """A separate process that uses the store. The test may kill it."""
    process = Process(driver.name)
    process.address = address
    yield process
    process.kill()
