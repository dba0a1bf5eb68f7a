# SPDX-License-Identifier: Apache-2.0
"""Refusals because of a limit are logged once a minute for each project."""

import pytest

from freezer_api.api.refusals import LOG_INTERVAL, MAX_PROJECTS, RefusalLog
from tests.support.clock import Clock


def test_refusals_of_each_project_are_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    refusals = RefusalLog(clock)
    for second in range(2 * int(LOG_INTERVAL)):
        clock.now = 1000.0 + second
        refusals.log("one", f"reason {second}")
        refusals.log("two", "other reason")
    assert [record.getMessage() for record in caplog.records] == [
        "Refused a request of project one: reason 0",
        "Refused a request of project two: other reason",
        "Refused a request of project one: reason 60",
        "Refused a request of project two: other reason",
    ]
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_number_of_stored_projects_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    refusals = RefusalLog(Clock())
    refusals.log("first", "")
    for number in range(MAX_PROJECTS):
        refusals.log(str(number), "")
    caplog.clear()
    refusals.log(str(MAX_PROJECTS - 1), "")
    assert not caplog.records
    refusals.log("first", "")
    assert len(caplog.records) == 1
