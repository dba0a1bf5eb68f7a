# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from freezer_api.documents.schedules import adopted, retriggered, triggers

from .json_values import unchanged

JOBS = {"schedule_interval": "5 minutes", "status": "scheduled", "event": "", "time_created": 5, "current_pid": 7}
KEPT = {"status": "scheduled", "event": "", "time_created": 5, "current_pid": 7}
DATE = {"schedule_date": "2020-01-01T00:00:00"}


def test_triggers_are_keys_of_the_schedule_form() -> None:
    assert triggers({**JOBS, **DATE}) == {"schedule_interval": "5 minutes", **DATE}
    assert triggers({}) == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({}, KEPT),
        (DATE, {**KEPT, **DATE}),
        ({**DATE, "status": "stop", "event": "start", "time_created": 1}, {**KEPT, **DATE}),
    ],
)
def test_retriggered_replaces_only_triggers(source: Any, expected: Any) -> None:
    with unchanged(JOBS, source):
        assert retriggered(JOBS, source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({}, KEPT),
        ({**DATE, "event": "start"}, {**KEPT, **DATE, "event": "start"}),
        ({"status": "stop", "result": "fail"}, {**KEPT, "status": "stop", "result": "fail"}),
        ({"time_created": 1, "time_started": 2, "time_ended": 3, "current_pid": 4}, KEPT),
    ],
)
def test_adopted_copies_state_but_no_times(source: Any, expected: Any) -> None:
    with unchanged(JOBS, source):
        assert adopted(JOBS, source) == expected
