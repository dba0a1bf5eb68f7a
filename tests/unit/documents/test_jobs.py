# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from freezer_api.documents import jobs

from .json_values import unchanged

ITEM = {"freezer_action": {"action": "backup", "mode": "fs"}}
LEAST = {"client_id": "c1", "job_actions": []}


TIMES = {"time_created": 99, "time_started": -1, "time_ended": -1}


@pytest.mark.parametrize(
    ("schedule", "reset", "kept"),
    [
        ({}, {**TIMES, "event": ""}, {**TIMES, "event": ""}),
        (None, {**TIMES, "event": ""}, {**TIMES, "event": ""}),
        (
            {"time_created": 1, "time_started": 2, "time_ended": 3, "event": "start", "status": "stop"},
            {**TIMES, "event": "start", "status": "stop"},
            {"time_created": 1, "time_started": 2, "time_ended": 3, "event": "start", "status": "stop"},
        ),
        ({"time_started": 2}, {**TIMES, "event": ""}, {**TIMES, "time_started": 2, "event": ""}),
    ],
)
def test_missing_keys_of_a_schedule_are_added(schedule: Any, reset: Any, kept: Any) -> None:
    job = {**LEAST, "job_schedule": schedule}
    with unchanged(job):
        assert jobs.scheduled(job, 99, reset_times=True) == {**LEAST, "job_schedule": reset}
        assert jobs.scheduled(job, 99, reset_times=False) == {**LEAST, "job_schedule": kept}
        assert jobs.scheduled(LEAST, 99, reset_times=True)["job_schedule"] == {**TIMES, "event": ""}


@pytest.mark.parametrize(
    "items", [None, [], {}, "x", [None, "x", {}, {"freezer_action": None}, {"freezer_action": []}]]
)
def test_imported_actions_of_other_types_have_no_definitions(items: Any) -> None:
    assert jobs.definitions_of({"job_actions": items}) == []
    assert jobs.definitions_of({}) == []


SESSION = {
    "session_id": "s9",
    "session_tag": 7,
    "schedule": {"schedule_date": "2020-01-01T00:00:00", "event": "start"},
}
BOUND = {"client_id": "c1", "session_id": "s1", "session_tag": 3, "job_schedule": {"schedule_interval": "1 days"}}


def test_joining_copies_id_tag_and_schedule() -> None:
    with unchanged(BOUND, SESSION):
        joined = jobs.joined(BOUND, SESSION)
    assert joined == {"client_id": "c1", "session_id": "s9", "session_tag": 7, "job_schedule": SESSION["schedule"]}


def test_joining_an_imported_session_with_null_values_succeeds() -> None:
    joined = jobs.joined({"job_schedule": None}, {"session_id": "s9", "session_tag": None, "schedule": None})
    assert joined == {"session_id": "s9", "session_tag": 0, "job_schedule": {}}


def test_new_session_schedule_replaces_triggers_only() -> None:
    with unchanged(BOUND, SESSION):
        followed = jobs.retriggered(BOUND, SESSION)
    assert followed == {**BOUND, "job_schedule": {"schedule_date": "2020-01-01T00:00:00"}}


@pytest.mark.parametrize(
    ("session_id", "is_bound", "is_unbound"),
    [("s1", True, False), ("s2", False, False), ("", False, True), (None, False, True)],
)
def test_session_of_a_job_is_its_session_id_or_none(session_id: Any, is_bound: bool, is_unbound: bool) -> None:
    assert jobs.is_bound_to({"session_id": session_id}, "s1") is is_bound
    assert jobs.is_unbound({"session_id": session_id}) is is_unbound
    assert jobs.is_unbound({})
    assert not jobs.is_bound_to({}, "s1")


def test_leaving_a_session_clears_its_id_and_tag() -> None:
    with unchanged(BOUND):
        assert jobs.removed_from_session(BOUND) == {
            **BOUND,
            "session_id": "",
            "session_tag": 0,
            "job_schedule": {"schedule_interval": "1 days", "event": "stop"},
        }
        assert jobs.released(BOUND) == {"client_id": "c1", "job_schedule": {"schedule_interval": "1 days"}}


def test_with_actions_returns_a_copy_with_other_actions() -> None:
    with unchanged(LEAST):
        assert jobs.with_actions(LEAST, iter([ITEM])) == {**LEAST, "job_actions": [ITEM]}
