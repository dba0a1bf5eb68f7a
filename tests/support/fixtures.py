# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin: the servers that tests share, and their logs when a test fails.

Each worker of pytest-xdist has its own servers; ``tests.support.needs`` runs all tests of a server in one worker.
"""

from collections.abc import Generator

import pytest

from tests.support.search import shared as search
from tests.support.sql import shared as sql

_ALL = (search.SHARED, sql.SHARED)


@pytest.fixture(scope="session")
def search_servers() -> search.SearchServers:
    """Real search servers, started at first use and stopped at the end of the run."""
    return search.SHARED


@pytest.fixture(scope="session")
def sql_servers() -> sql.SQLServers:
    """Real database servers, started at first use and stopped at the end of the run."""
    return sql.SHARED


@pytest.fixture(scope="session", autouse=True)
def _place_of_servers(tmp_path_factory: pytest.TempPathFactory) -> None:
    for shared in _ALL:
        shared.open(tmp_path_factory)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    for shared in _ALL:
        shared.remember_logs()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for shared in _ALL:
            report.sections.extend(shared.logged())
    return report


def pytest_unconfigure() -> None:
    for shared in _ALL:
        shared.close()
