from typing import Any

import pytest

from freezer_api.documents import jobs
from freezer_api.documents.fields import Document
from freezer_api.documents.limits import DEFAULTS
from freezer_api.documents.validation import Form
from freezer_api.errors import Invalid

from .json_values import is_identical, unchanged


def accepted(body: Document, form: Form = jobs.FORM) -> Document:
    return jobs.accepted(jobs.with_defaults(body, DEFAULTS), form)


ITEM = {"freezer_action": {"action": "backup", "mode": "fs"}}
LEAST = {"client_id": "c1", "job_actions": []}
STORED = {
    "job_id": "j1",
    "user_id": "u1",
    "project_id": "p1",
    "client_id": "c1",
    "description": "d",
    "_version": 4,
    "session_id": "s1",
    "session_tag": 3,
    "session_name": "n",
    "job_actions": [{**ITEM, "action_id": "a1"}],
    "job_schedule": {"schedule_interval": "1 days", "status": "scheduled", "event": "", "time_created": 1},
    "user_credentials": {"trust_id": "t"},
    "interval_uint": "days",
    "interval_value": 1,
}
SERVERS_OWN = {
    "job_id",
    "user_id",
    "project_id",
    "user_credentials",
    "_version",
    "interval_uint",
    "interval_value",
}
KEPT = {key: value for key, value in STORED.items() if key not in SERVERS_OWN}


def with_item(**item: Any) -> Any:
    return {**LEAST, "job_actions": [item]}


@pytest.mark.parametrize(
    ("body", "job"),
    [
        (LEAST, LEAST),
        (STORED, KEPT),
        ({**LEAST, "job_id": "not an id", "user_id": 5, "project_id": [], "user_credentials": "x"}, LEAST),
        ({**LEAST, "session_id": None, "session_name": None, "description": None},) * 2,
        ({**LEAST, "session_id": "", "session_tag": -1},) * 2,
        ({**LEAST, "job_schedule": {}},) * 2,
        ({**LEAST, "action_defaults": None}, LEAST),
        ({**LEAST, "action_defaults": {"container": "c"}}, LEAST),
        (with_item(action_id="a1"), with_item(action_id="a1")),
        (with_item(action_id="a1", freezer_action=None), with_item(action_id="a1")),
        (with_item(**ITEM, action_id=None), with_item(**ITEM)),
        (with_item(**ITEM, action_id="", mandatory=True, max_retries=0, unknown={"a": 1}, exit_status=3),) * 2,
        (with_item(freezer_action={"mode": None, "engine": None, "storage": None}),) * 2,
    ],
)
def test_accepts(body: Any, job: Any) -> None:
    with unchanged(body):
        assert is_identical(accepted(body), job)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"job_actions": []}, "'client_id' is a required property"),
        ({"client_id": "c"}, "'job_actions' is a required property"),
        ({**LEAST, "foo": 1}, "Additional properties are not allowed ('foo' was unexpected)"),
        ({**LEAST, "job_schedule": {"foo": 1}}, "Additional properties are not allowed ('foo' was unexpected)"),
        ({**LEAST, "job_schedule": None}, "null is not of type 'object' at job_schedule"),
        ({**LEAST, "job_schedule": {"status": "zz"}}, "'zz' is not one of '', 'completed', 'stop', "),
        (
            {**LEAST, "job_schedule": {"event": None}},
            "null is not one of '', 'stop', 'start', 'abort', 'remove'",
        ),
        ({**LEAST, "job_schedule": {"result": "ok"}}, "'ok' is not one of '', 'success', 'fail', 'aborted'"),
        (
            {**LEAST, "job_schedule": {"time_ended": "1"}},
            "'1' is not of type 'integer' at job_schedule.time_ended",
        ),
        ({**LEAST, "job_schedule": {"current_pid": 2**63}}, "is greater than the maximum of 9223372036854775807"),
        (
            {**LEAST, "job_schedule": {"schedule_interval": "1 day"}},
            "'1 day' is not valid at job_schedule.schedule_interval; expected a value such as '1 days' or",
        ),
        ({**LEAST, "job_schedule": {"schedule_date": "2020-01-01"}}, "'2020-01-01' is not valid"),
        (
            {**LEAST, "job_schedule": {"schedule_month": 5}},
            "5 is not of type 'string' at job_schedule.schedule_month",
        ),
        ({**LEAST, "client_id": "a..b"}, "'a..b' is not valid"),
        ({**LEAST, "client_id": None}, "null is not of type 'string'"),
        ({**LEAST, "session_tag": None}, "null is not of type 'integer' at session_tag"),
        ({**LEAST, "session_tag": True}, "true is not of type 'integer' at session_tag"),
        ({**LEAST, "session_id": "a b"}, "'a b' is not valid"),
        ({**LEAST, "job_actions": None}, "null is not of type 'array' at job_actions"),
        ({**LEAST, "job_actions": "x"}, "'x' is not of type 'array' at job_actions"),
        ({**LEAST, "job_actions": {}}, "{} is not of type 'array' at job_actions"),
        ({**LEAST, "job_actions": [None]}, "null is not of type 'object' at job_actions.0"),
        (with_item(freezer_action="x"), "'x' is not of type 'object' at job_actions.0.freezer_action"),
        (with_item(freezer_action={"action": "a b"}), "'a b' is not valid"),
        (with_item(**ITEM, action_id="a b"), "'a b' is not valid"),
        (with_item(**ITEM, mandatory="yes"), "'yes' is not of type 'boolean' at job_actions.0.mandatory"),
        (with_item(), "'freezer_action' is a required property of an action without 'action_id'"),
        (with_item(freezer_action=None, action_id=""), "'freezer_action' is a required property"),
        ({**LEAST, "action_defaults": []}, "'action_defaults' should be an object"),
        ({"client_id": "c", "action_defaults": {}}, "'action_defaults' needs a list of 'job_actions'"),
        ({**LEAST, "job_actions": {}, "action_defaults": {}}, "'action_defaults' needs a list of 'job_actions'"),
        (
            {**with_item(action_id="a1"), "action_defaults": {}},
            "'action_defaults' needs a 'freezer_action' in every",
        ),
        (
            {**LEAST, "job_actions": [5], "action_defaults": {}},
            "'action_defaults' needs a 'freezer_action' in every",
        ),
        ({**with_item(**ITEM), "action_defaults": {"container": 5}}, "5 is not of type 'string', 'null'"),
    ],
)
def test_refuses(body: Any, message: str) -> None:
    with pytest.raises(Invalid) as caught, unchanged(body):
        accepted(body)
    assert message in str(caught.value)


def test_a_patch_needs_nothing_and_is_checked_all_the_same() -> None:
    assert accepted({}, jobs.PATCH_FORM) == {}
    assert is_identical(accepted(STORED, jobs.PATCH_FORM), KEPT)
    for body in ({"foo": 1}, {"job_schedule": {"foo": 1}}, {"job_actions": [{}]}, {"action_defaults": {"a": 1}}):
        with pytest.raises(Invalid):
            accepted(body, jobs.PATCH_FORM)


@pytest.mark.parametrize("form", [jobs.FORM, jobs.PATCH_FORM])
def test_defaults_fill_what_is_absent_or_null(form: Form) -> None:
    definitions = [{"mode": "fs", "container": "own"}, {"container": None, "log_file": None, "x": None}, {}]
    body = {
        **LEAST,
        "action_defaults": {"container": "shared", "log_file": "/log", "flag": False},
        "job_actions": [{"freezer_action": definition, "mandatory": True} for definition in definitions],
    }
    with unchanged(body):
        job = accepted(body, form)
    assert "action_defaults" not in job
    assert all(item["mandatory"] for item in job["job_actions"])
    assert jobs.definitions_of(job) == [
        {"mode": "fs", "container": "own", "log_file": "/log", "flag": False},
        {"container": "shared", "log_file": "/log", "flag": False, "x": None},
        {"container": "shared", "log_file": "/log", "flag": False},
    ]


TIMES = {"time_created": 99, "time_started": -1, "time_ended": -1}


@pytest.mark.parametrize(
    ("schedule", "anew", "kept"),
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
def test_a_schedule_is_completed(schedule: Any, anew: Any, kept: Any) -> None:
    job = {**LEAST, "job_schedule": schedule}
    with unchanged(job):
        assert jobs.scheduled(job, 99, reset_times=True) == {**LEAST, "job_schedule": anew}
        assert jobs.scheduled(job, 99, reset_times=False) == {**LEAST, "job_schedule": kept}
        assert jobs.scheduled(LEAST, 99, reset_times=True)["job_schedule"] == {**TIMES, "event": ""}


@pytest.mark.parametrize(
    "items", [None, [], {}, "x", [None, "x", {}, {"freezer_action": None}, {"freezer_action": []}]]
)
def test_odd_imported_actions_define_nothing(items: Any) -> None:
    assert jobs.definitions_of({"job_actions": items}) == []
    assert jobs.definitions_of({}) == []


def test_an_event_is_the_one_key() -> None:
    assert jobs.event_of({"start": None}) == "start"
    assert jobs.event_of({"anything": {}}) == "anything"
    for body in ({}, {"start": None, "stop": None}):
        with pytest.raises(Invalid, match=r"^Bad event request format$"):
            jobs.event_of(body)


@pytest.mark.parametrize(
    ("event", "before", "after", "answer"),
    [
        ("start", {"event": ""}, {"event": "start", "status": "", "result": ""}, "success"),
        (
            "start",
            {"event": "stop", "status": "completed", "result": "fail", "time_created": 1},
            {"event": "start", "status": "", "result": "", "time_created": 1},
            "success",
        ),
        (
            "start",
            {"event": "start", "status": "running"},
            {"event": "start", "status": "running"},
            "start already requested",
        ),
        ("stop", {"event": "start", "status": "running"}, {"event": "stop", "status": "running"}, "success"),
        ("stop", {"event": "stop"}, {"event": "stop"}, "stop already requested"),
        ("abort", {}, {"event": "abort"}, "success"),
        ("abort", {"event": "abort"}, {"event": "abort"}, "abort already requested"),
        ("abort", None, {"event": "abort"}, "success"),
    ],
)
def test_events(event: str, before: Any, after: Any, answer: str) -> None:
    job = {**LEAST, "job_schedule": before}
    with unchanged(job):
        assert jobs.requested(job, event) == ({**LEAST, "job_schedule": after}, answer)


@pytest.mark.parametrize("event", ["remove", "", "Start"])
def test_unknown_events(event: str) -> None:
    with pytest.raises(Invalid, match=r"^Bad Action Method$"):
        jobs.requested({**LEAST, "job_schedule": {"event": event}}, event)


SESSION = {
    "session_id": "s9",
    "session_tag": 7,
    "schedule": {"schedule_date": "2020-01-01T00:00:00", "event": "start"},
}
BOUND = {"client_id": "c1", "session_id": "s1", "session_tag": 3, "job_schedule": {"schedule_interval": "1 days"}}


def test_joining_takes_id_tag_and_schedule_over() -> None:
    with unchanged(BOUND, SESSION):
        joined = jobs.joined(BOUND, SESSION)
    assert joined == {"client_id": "c1", "session_id": "s9", "session_tag": 7, "job_schedule": SESSION["schedule"]}


def test_joining_an_imported_session_with_nothing_in_it() -> None:
    joined = jobs.joined({"job_schedule": None}, {"session_id": "s9", "session_tag": None, "schedule": None})
    assert joined == {"session_id": "s9", "session_tag": 0, "job_schedule": {}}


def test_a_new_schedule_of_the_session_reaches_the_triggers_only() -> None:
    with unchanged(BOUND, SESSION):
        followed = jobs.retriggered(BOUND, SESSION)
    assert followed == {**BOUND, "job_schedule": {"schedule_date": "2020-01-01T00:00:00"}}


@pytest.mark.parametrize(
    ("session_id", "is_bound", "is_unbound"),
    [("s1", True, False), ("s2", False, False), ("", False, True), (None, False, True)],
)
def test_what_a_job_takes_itself_for(session_id: Any, is_bound: bool, is_unbound: bool) -> None:
    assert jobs.is_bound_to({"session_id": session_id}, "s1") is is_bound
    assert jobs.is_unbound({"session_id": session_id}) is is_unbound
    assert jobs.is_unbound({})
    assert not jobs.is_bound_to({}, "s1")


def test_leaving_a_session() -> None:
    with unchanged(BOUND):
        assert jobs.removed_from_session(BOUND) == {
            **BOUND,
            "session_id": "",
            "session_tag": 0,
            "job_schedule": {"schedule_interval": "1 days", "event": "stop"},
        }
        assert jobs.released(BOUND) == {"client_id": "c1", "job_schedule": {"schedule_interval": "1 days"}}


def test_actions_are_exchanged() -> None:
    with unchanged(LEAST):
        assert jobs.with_actions(LEAST, iter([ITEM])) == {**LEAST, "job_actions": [ITEM]}
