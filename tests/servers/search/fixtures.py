"""A pytest plugin: the servers of the run, what they logged when a test fails, and which ones were left out."""

from collections.abc import Generator

import pytest

from tests.gates import LEFT_OUT
from tests.servers.search.shared import SHARED, SearchServers


@pytest.fixture(scope="session")
def search_servers() -> SearchServers:
    """Real servers, started at first use and kept to the end of the run."""
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def _place_of_search_servers(tmp_path_factory: pytest.TempPathFactory) -> None:
    SHARED.open(tmp_path_factory)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    SHARED.remember_logs()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections.extend(SHARED.logged())
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SHARED.left_out:
        reasons = "; ".join(f"{server} ({reason})" for server, reason in SHARED.left_out.items())
        terminalreporter.write_line(f"Search servers left out: {reasons}", yellow=True)


def pytest_sessionstart() -> None:
    LEFT_OUT.unlink(missing_ok=True)


def pytest_unconfigure() -> None:
    if SHARED.left_out:
        LEFT_OUT.touch()
    SHARED.close()
