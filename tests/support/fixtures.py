"""A pytest plugin: the servers of the run, what they logged when a test fails, and which ones were left out."""

from collections.abc import Generator

import pytest

from tests.gates import LEFT_OUT, SQL_LEFT_OUT
from tests.support.search import shared as search
from tests.support.sql import shared as sql

_ALL = (("Search servers", search.SHARED, LEFT_OUT), ("Database servers", sql.SHARED, SQL_LEFT_OUT))
"""What they are called, and the file that tells the gates when some were left out."""


@pytest.fixture(scope="session")
def search_servers() -> search.SearchServers:
    """Real servers, started at first use and kept to the end of the run."""
    return search.SHARED


@pytest.fixture(scope="session")
def sql_servers() -> sql.SQLServers:
    """The same, of databases."""
    return sql.SHARED


@pytest.fixture(scope="session", autouse=True)
def _place_of_servers(tmp_path_factory: pytest.TempPathFactory) -> None:
    for _, shared, _ in _ALL:
        shared.open(tmp_path_factory)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    for _, shared, _ in _ALL:
        shared.remember_logs()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for _, shared, _ in _ALL:
            report.sections.extend(shared.logged())
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, shared, _ in _ALL:
        if shared.left_out:
            reasons = "; ".join(f"{server} ({reason})" for server, reason in shared.left_out.items())
            terminalreporter.write_line(f"{name} left out: {reasons}", yellow=True)


def pytest_sessionstart() -> None:
    for _, _, mark in _ALL:
        mark.unlink(missing_ok=True)


def pytest_unconfigure() -> None:
    for _, shared, mark in _ALL:
        if shared.left_out:
            mark.touch()
        shared.close()
