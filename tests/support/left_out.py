# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin that skips tests if a program is missing on this machine; with ``CI=true`` they fail."""

import os
from collections import Counter
from typing import NoReturn

import pytest


def leave_out(reason: object) -> NoReturn:
    """Skip the test because a program or server is missing on this machine; with ``CI=true`` fail it."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"under CI nothing may be missing: {reason}", pytrace=False)
    pytest.skip(str(reason))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line for each reason, with the number of tests that it applies to."""
    skipped = terminalreporter.getreports("skipped")
    reasons = Counter(str(report.longrepr[2]) for report in skipped if isinstance(report.longrepr, tuple))
    for reason, tests in sorted(reasons.items()):
        terminalreporter.write_line(f"{reason} ({tests} tests)", yellow=True)
