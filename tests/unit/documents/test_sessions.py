from typing import Any

import pytest

from freezer_api.documents import sessions
from freezer_api.documents.sessions import End, Start
from freezer_api.errors import Invalid

from .json_values import is_identical, unchanged

NEW = {"session_tag": 0, "hold_off": 30, "status": "active", "last_start": "", "schedule": {}, "jobs": {}}
OLD_FORM = {
    "jobs": [],
    "status": 5,
    "last_start": None,
    "session_id": "x y",
    "user_id": 1,
    "project_id": {},
    "_version": "1",
}


@pytest.mark.parametrize(
    ("body", "session"),
    [
        ({}, NEW),
        (OLD_FORM | {"_earlier": ["a"]}, NEW),
        ({"jobs": {"j1": 5}, "status": "running", "last_start": "now"}, NEW),
        (
            {"session_tag": 4, "hold_off": 0, "description": None},
            {**NEW, "session_tag": 4, "hold_off": 0, "description": None},
        ),
        (
            {"time_start": 5, "result": None, "interval_unit": "days", "free": {"a": [1.0]}},
            {**NEW, "time_start": 5, "result": None, "interval_unit": "days", "free": {"a": [1.0]}},
        ),
        ({"schedule": {"schedule_interval": "1 hours"}}, {**NEW, "schedule": {"schedule_interval": "1 hours"}}),
    ],
)
def test_a_new_session(body: Any, session: Any) -> None:
    with unchanged(body):
        assert sessions.new(body) == session


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"session_tag": "1"}, "'1' is not of type 'integer' at session_tag"),
        ({"session_tag": None}, "null is not of type 'integer' at session_tag"),
        ({"session_tag": 2**63}, "is greater than the maximum of"),
        ({"hold_off": -1}, "-1 is less than the minimum of 0 at hold_off"),
        ({"hold_off": True}, "true is not of type 'integer' at hold_off"),
        ({"hold_off": 1.5}, "1.5 is not of type 'integer' at hold_off"),
        ({"description": 5}, "5 is not of type 'string', 'null' at description"),
        ({"result": 5}, "5 is not of type 'string', 'null' at result"),
        ({"time_end": ""}, "'' is not of type 'integer' at time_end"),
        ({"schedule": None}, "null is not of type 'object' at schedule"),
        ({"schedule": {"foo": 1}}, "Additional properties are not allowed ('foo' was unexpected) at schedule"),
        ({"schedule": {"schedule_year": "20"}}, "'20' is not valid"),
    ],
)
def test_bodies_are_checked(body: Any, message: str) -> None:
    for read in (
        sessions.new,
        sessions.patch_of,
        lambda body: sessions.replacement({"session_tag": 0, **body}, None),
    ):
        with pytest.raises(Invalid) as caught, unchanged(body):
            read(body)
        assert message in str(caught.value)


ENTRY = {"client_id": "c", "status": "", "result": None, "time_started": "", "time_ended": 5, "more": []}
FILLED = {"hold_off": 30, "status": "active", "schedule": {}, "jobs": {}, "_earlier": []}


@pytest.mark.parametrize(
    ("body", "session"),
    [
        ({"session_tag": 3}, {**FILLED, "session_tag": 3}),
        (
            {"session_tag": 3, "jobs": [], "session_id": "a b", "user_id": 5, "_version": 2},
            {**FILLED, "session_tag": 3},
        ),
        ({"session_tag": 3, "jobs": {"j1": ENTRY}}, {**FILLED, "session_tag": 3, "jobs": {"j1": ENTRY}}),
        (
            {"session_tag": 3, "hold_off": 5, "status": "completed", "last_start": "x", "result": "fail"},
            {
                **FILLED,
                "session_tag": 3,
                "hold_off": 5,
                "status": "completed",
                "last_start": "x",
                "result": "fail",
            },
        ),
    ],
)
def test_a_replacement(body: Any, session: Any) -> None:
    with unchanged(body):
        assert sessions.replacement(body, None) == session


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "'session_tag' is a required property"),
        ({"session_tag": 0, "jobs": None}, "null is not of type 'object' at jobs"),
        ({"session_tag": 0, "jobs": {"j": None}}, "null is not of type 'object' at jobs.j"),
        ({"session_tag": 0, "jobs": {"j": {"status": 5}}}, "5 is not of type 'string' at jobs.j.status"),
        (
            {"session_tag": 0, "jobs": {"j": {"time_ended": "5"}}},
            "'5' is not valid at jobs.j.time_ended; expected a value such as 1893463200 or ''",
        ),
        ({"session_tag": 0, "status": None}, "null is not of type 'string' at status"),
    ],
)
def test_a_replacement_is_checked(body: Any, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        sessions.replacement(body, {})
    assert message in str(caught.value)


def test_a_replacement_remembers_whose_entries_are_old() -> None:
    old = {"jobs": {"j1": {}, "j2": {}, "j3": {}}, "_earlier": ["j1", "j2"]}
    new = sessions.replacement({"session_tag": 9, "jobs": {"j2": {}, "j3": {}, "j4": {}}, "_earlier": ["j4"]}, old)
    assert new["_earlier"] == ["j2"]


@pytest.mark.parametrize(
    ("body", "patch"),
    [
        ({}, {}),
        ({"jobs": []}, {}),
        ({"jobs": {"j1": ENTRY}}, {"jobs": {"j1": ENTRY}}),
        ({"session_id": 1, "user_id": 2, "project_id": 3, "_version": 4, "_earlier": 5, "free": 6}, {"free": 6}),
        ({"session_tag": 2, "status": "x", "result": None, "last_start": "y"},) * 2,
    ],
)
def test_a_patch(body: Any, patch: Any) -> None:
    with unchanged(body):
        assert is_identical(sessions.patch_of(body), patch)


@pytest.mark.parametrize("session", [{}, {"jobs": None}, {"jobs": []}])
def test_whatever_an_imported_session_lacks(session: Any) -> None:
    nothing = {**session, "session_tag": None, "time_start": "", "hold_off": None, "schedule": None}
    assert sessions.members(nothing) == {}
    assert sessions.tag_of(nothing) == 0
    assert not sessions.retriggers(nothing, {})
    joined = sessions.with_member(nothing, {"job_id": "j1", "job_schedule": None})
    assert sessions.started(joined, Start("j1", 0), 1000)[1] == "success"


def entry(status: str = "", result: str = "", **times: int) -> dict[str, Any]:
    return {"client_id": "c", "status": status, "result": result, **times}


def session(tag: Any = 5, *, earlier: Any = (), status: str = "running", jobs: Any = None, **more: Any) -> Any:
    jobs = {"j1": entry(), "j2": entry("completed", "success")} if jobs is None else jobs
    return {"session_tag": tag, "status": status, "jobs": jobs, "_earlier": list(earlier), **more}


NOW = 1_000_000


class TestStart:
    @pytest.mark.parametrize(
        ("age", "hold_off", "tag", "answer", "new_tag"),
        [
            (30, 30, 4, "success", 5),
            (0, 30, 0, "success", 5),
            (30, 30, -9, "success", 5),
            (30, 30, 5, "hold-off", 5),
            (0, 0, 5, "hold-off", 5),
            (60, None, 5, "hold-off", 5),
            (61, None, 5, "success", 6),
            (31, 30, 5, "success", 6),
            (1, 0, 5, "success", 6),
            (31, 30, 4, "out-of-sync", 5),
            (None, 30, 5, "success", 6),
            (None, 30, 4, "out-of-sync", 5),
            (None, 10**12, 5, "success", 6),
            (-5, 30, 5, "hold-off", 5),
            (-300, 0, 5, "hold-off", 5),
            (-300, 0, 4, "success", 5),
            (-301, 30, 5, "success", 6),
            (-3600, 30, 4, "out-of-sync", 5),
        ],
    )
    def test_answers(self, age: Any, hold_off: Any, tag: int, answer: str, new_tag: int) -> None:
        before = session()
        if age is not None:
            before["time_start"] = NOW - age
        if hold_off is not None:
            before["hold_off"] = hold_off
        with unchanged(before):
            after, told = sessions.started(before, Start("j1", tag), NOW)
        assert (told, after["session_tag"]) == (answer, new_tag)
        assert (after is before) is (answer != "success")

    @pytest.mark.parametrize("never", [0, -1, None, ""])
    def test_a_session_that_never_started_has_no_window(self, never: Any) -> None:
        before = session(0, hold_off=10**12, time_start=never)
        assert sessions.started(before, Start("j1", 0), NOW)[1] == "success"

    def test_begins_a_run_for_everybody(self) -> None:
        before = session(
            time_start=1, result="fail", jobs={"j1": entry("completed", "fail", time_ended=3), "j2": entry()}
        )
        after, _ = sessions.started(before, Start("j1", 5), NOW)
        assert after == {
            **before,
            "session_tag": 6,
            "time_start": NOW,
            "status": "running",
            "result": "",
            "_earlier": ["j2"],
            "jobs": {"j1": entry("running", time_started=NOW, time_ended=3), "j2": entry()},
        }

    def test_joins_a_run(self) -> None:
        before = session(time_start=NOW, hold_off=30, earlier=["j1", "j2"])
        after, _ = sessions.started(before, Start("j1", 4), NOW + 5)
        jobs = {**before["jobs"], "j1": entry("running", time_started=NOW + 5)}
        assert after == {**before, "jobs": jobs, "_earlier": ["j2"]}

    @pytest.mark.parametrize("tag", [6, 2**63 - 1])
    def test_a_tag_that_has_not_been_yet(self, tag: int) -> None:
        with pytest.raises(Invalid, match=rf"^requested tag value too high\. Session Tag: 5 Job Tag: {tag}$"):
            sessions.started(session(), Start("j1", tag), NOW)

    def test_an_endless_tag_is_not_repeated(self) -> None:
        with pytest.raises(Invalid, match=r"Job Tag: beyond 64 bits$"):
            sessions.started(session(), Start("j1", 10**900), NOW)

    def test_the_tag_stays_within_64_bits(self) -> None:
        assert sessions.started(session(2**63 - 2), Start("j1", 2**63 - 2), NOW)[0]["session_tag"] == 2**63 - 1
        with pytest.raises(Invalid, match="session_tag"):
            sessions.started(session(2**63 - 1), Start("j1", 2**63 - 1), NOW)

    @pytest.mark.parametrize("tag", [4, 5, 6])
    def test_strangers_are_refused_whatever_their_tag(self, tag: int) -> None:
        for time_start in (0, NOW):
            with pytest.raises(Invalid, match=r"^job_id not found in session$"):
                sessions.started(session(time_start=time_start), Start("j9", tag), NOW)


def done(result: str) -> Any:
    return entry("completed", result)


class TestEnd:
    @pytest.mark.parametrize(
        ("others", "earlier", "result", "status", "overall"),
        [
            ([], [], "success", "completed", "success"),
            ([], [], "aborted", "completed", "fail"),
            ([done("success")], [], "success", "completed", "success"),
            ([done("success")], [], "fail", "completed", "fail"),
            ([done("fail")], [], "success", "completed", "fail"),
            ([done("aborted")], [], "success", "completed", "fail"),
            ([done("")], [], "success", "completed", "fail"),
            ([entry("running")], [], "fail", "running", None),
            ([entry("scheduled"), done("fail")], [], "success", "running", None),
            ([done("fail"), entry("running")], [], "success", "running", None),
            ([done("success")], ["o0"], "success", "running", None),
            ([done("success")], ["j1"], "success", "running", None),
        ],
    )
    @pytest.mark.parametrize("first", [True, False])
    def test_completes_a_session(
        self, others: Any, earlier: Any, result: str, status: str, overall: Any, first: bool
    ) -> None:
        jobs = {f"o{number}": one for number, one in enumerate(others)}
        own = {"j1": entry("running")}
        before = session(earlier=earlier, jobs={**own, **jobs} if first else {**jobs, **own})
        with unchanged(before):
            after = sessions.ended(before, End("j1", result, 4), NOW)
        assert after["jobs"]["j1"] == entry("completed", result, time_ended=NOW)
        assert (after["status"], after.get("result")) == (status, overall)
        assert after.get("time_end") == (NOW if overall else None)
        assert (after["session_tag"], after["_earlier"]) == (5, earlier)

    def test_an_end_with_the_current_tag_counts_without_a_start(self) -> None:
        before = session(earlier=["j1"])
        assert sessions.ended(before, End("j1", "success", 4), NOW)["status"] == "running"
        assert sessions.ended(before, End("j1", "success"), NOW)["status"] == "running"
        assert sessions.ended(before, End("j1", "success", 5), NOW)["status"] == "completed"

    @pytest.mark.parametrize(
        ("overall", "late", "then"),
        [("success", "fail", "fail"), ("success", "success", "success"), ("fail", "success", "fail")],
    )
    def test_after_completion(self, overall: str, late: str, then: str) -> None:
        jobs = {"j1": done(overall), "j2": done("success")}
        before = session(status="completed", jobs=jobs, time_end=1, result=overall)
        after = sessions.ended(before, End("j1", late, 5), NOW)
        assert (after["status"], after["result"], after["time_end"]) == ("completed", then, 1)

    def test_strangers_are_refused(self) -> None:
        with pytest.raises(Invalid, match=r"^job_id not found in session$"):
            sessions.ended(session(), End("j9", "success", 5), NOW)


def job(status: Any = "scheduled", **schedule: Any) -> Any:
    return {"job_id": "j1", "client_id": "c1", "job_schedule": {"status": status, "event": "stop", **schedule}}


class TestMembers:
    @pytest.mark.parametrize(
        ("schedule", "expected"),
        [
            ({}, {"status": "", "result": "", "time_started": "", "time_ended": ""}),
            (
                {
                    "status": "stop",
                    "result": "fail",
                    "time_started": -1,
                    "time_ended": 7,
                    "time_created": 1,
                    "event": "x",
                },
                {"status": "stop", "result": "fail", "time_started": -1, "time_ended": 7},
            ),
        ],
    )
    def test_entries_are_copies(self, schedule: Any, expected: Any) -> None:
        before = session(jobs={"j2": entry()})
        member = {"job_id": "j1", "client_id": "c1", "job_schedule": schedule}
        with unchanged(before, member):
            after = sessions.with_member(before, member)
        assert after == {**before, "jobs": {"j2": entry(), "j1": {"client_id": "c1", **expected}}}
        assert sessions.with_member(after, member) == after

    @pytest.mark.parametrize(
        ("status", "known", "came", "earlier"),
        [
            ("running", None, "completed", ["j1"]),
            ("running", None, "scheduled", []),
            ("running", "running", "completed", ["j1"]),
            ("running", "completed", "completed", []),
            ("active", None, "completed", []),
            ("completed", None, "completed", []),
        ],
    )
    def test_what_was_completed_before_is_no_part_of_a_run(
        self, status: str, known: Any, came: str, earlier: Any
    ) -> None:
        before = session(status=status, jobs={} if known is None else {"j1": entry(known)})
        assert sessions.with_member(before, job(came))["_earlier"] == earlier

    def test_a_run_goes_on_without_the_one_who_left(self) -> None:
        before = session(earlier=["j1"])
        with unchanged(before):
            after = sessions.without_member(before, "j1", NOW)
        assert after["jobs"] == {"j2": done("success")}
        assert (after["status"], after["result"], after["time_end"], after["_earlier"]) == (
            "completed",
            "success",
            NOW,
            [],
        )

    @pytest.mark.parametrize(
        ("before", "status"),
        [
            (session(jobs={"j1": entry(), "j2": entry("running")}), "running"),
            (session(earlier=["j2"]), "running"),
            (session(jobs={"j1": entry("running")}), "running"),
            (session(status="active"), "active"),
            (session(status="completed"), "completed"),
        ],
    )
    def test_else_leaving_changes_no_run(self, before: Any, status: str) -> None:
        after = sessions.without_member(before, "j1", NOW)
        assert "j1" not in after["jobs"]
        assert after["status"] == status
        assert "time_end" not in after

    def test_a_stranger_cannot_leave(self) -> None:
        for before in (session(), {}, {"jobs": None}):
            assert sessions.without_member(before, "j9", NOW) is before


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, {}, False),
        ({"schedule": {"schedule_day": "1"}}, {"schedule": {"schedule_day": "1", "status": "stop"}}, False),
        ({"schedule": {"schedule_day": "1"}}, {"schedule": {"schedule_day": "2"}}, True),
        ({"schedule": {"schedule_day": "1"}}, {"schedule": {}}, True),
        ({}, {"schedule": {"schedule_day": "1"}}, True),
    ],
)
def test_retriggers(old: Any, new: Any, expected: bool) -> None:
    assert sessions.retriggers(old, new) is expected


@pytest.mark.parametrize(
    ("body", "request_"),
    [
        ({"start": {"job_id": "j1", "current_tag": 22}}, Start("j1", 22)),
        ({"start": {"job_id": "j1", "current_tag": "22", "result": 5, "more": 1}}, Start("j1", 22)),
        ({"start": {"job_id": "", "current_tag": "-1"}}, Start("", -1)),
        ({"start": {"job_id": "j1", "current_tag": "-9223372036854775808"}}, Start("j1", -(2**63))),
        ({"start": {"job_id": "j1", "current_tag": 10**30}}, Start("j1", 10**30)),
        ({"end": {"job_id": "j1", "current_tag": 22, "result": "aborted"}}, End("j1", "aborted", 22)),
        ({"end": {"job_id": "j1", "current_tag": "22", "result": "fail"}}, End("j1", "fail", 22)),
    ],
)
def test_an_action_is_read(body: Any, request_: Any) -> None:
    with unchanged(body):
        read = sessions.action_of(body)
    assert type(read) is type(request_)
    assert read == request_


FORMAT = "Bad action request format"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, FORMAT),
        ({"start": {}, "end": {}}, FORMAT),
        ({"pause": {}}, "Bad Action Method"),
        ({"start": None}, f"{FORMAT}: 'start' should be an object"),
        ({"end": []}, f"{FORMAT}: 'end' should be an object"),
        ({"start": {"current_tag": 1}}, f"{FORMAT}: 'job_id' should be a string"),
        ({"start": {"job_id": None, "current_tag": 1}}, f"{FORMAT}: 'job_id' should be a string"),
        *(
            ({"start": {"job_id": "j1", "current_tag": tag}}, f"{FORMAT}: 'current_tag' should be an integer")
            for tag in (None, True, 1.0, "", "x", "1.0", "1\n", " 1", "--1", "9" * 5000, "²", [1], {})
        ),
        ({"start": {"job_id": "j1"}}, f"{FORMAT}: 'current_tag' should be an integer"),
        ({"end": {"job_id": "j1", "result": "fail"}}, f"{FORMAT}: 'current_tag' should be an integer"),
        *(
            (
                {"end": {"job_id": "j1", "current_tag": 1, "result": result}},
                f"{FORMAT}: 'result' should be one of success, fail, aborted",
            )
            for result in (None, "", "ok", "success\n", True, ["success"], {})
        ),
    ],
)
def test_an_action_that_is_none(body: Any, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        sessions.action_of(body)
    assert str(caught.value) == message
