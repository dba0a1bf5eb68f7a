"""A pytest plugin: the database servers of the run, what they logged when a test fails, and those left out."""

from collections.abc import Generator

import pytest

from tests.gates import SQL_LEFT_OUT
from tests.servers.sql.shared import SHARED, SQLServers


@pytest.fixture(scope="session")
def sql_servers() -> SQLServers:
    """Real servers, started at first use and kept to the end of the run."""
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def _place_of_sql_servers(tmp_path_factory: pytest.TempPathFactory) -> None:
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
        terminalreporter.write_line(f"Database servers left out: {reasons}", yellow=True)


def pytest_sessionstart() -> None:
    SQL_LEFT_OUT.unlink(missing_ok=True)


def pytest_unconfigure() -> None:
    if SHARED.left_out:
        SQL_LEFT_OUT.touch()
    SHARED.close()
