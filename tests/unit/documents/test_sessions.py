# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from freezer_api.documents import sessions
from freezer_api.documents.sessions import End, Start
from freezer_api.errors import Invalid

from .json_values import unchanged


def test_replacement_keeps_earlier_members() -> None:
    old = {"jobs": {"j1": {}, "j2": {}, "j3": {}}, "_earlier": ["j1", "j2"]}
    new = sessions.replacement({"session_tag": 9, "jobs": {"j2": {}, "j3": {}, "j4": {}}, "_earlier": ["j4"]}, old)
    assert new["_earlier"] == ["j2"]


@pytest.mark.parametrize("session", [{}, {"jobs": None}, {"jobs": []}])
def test_imported_session_may_lack_properties(session: Any) -> None:
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
    def test_result_of_a_start_depends_on_tag_and_hold_off_window(
        self, age: Any, hold_off: Any, tag: int, answer: str, new_tag: int
    ) -> None:
        before = session()
        if age is not None:
            before["time_start"] = NOW - age
        if hold_off is not None:
            before["hold_off"] = hold_off
        with unchanged(before):
            after, result = sessions.started(before, Start("j1", tag), NOW)
        assert (result, after["session_tag"]) == (answer, new_tag)
        assert (after is before) is (answer != "success")

    @pytest.mark.parametrize("never", [0, -1, None, ""])
    def test_new_session_has_no_hold_off_window(self, never: Any) -> None:
        before = session(0, hold_off=10**12, time_start=never)
        assert sessions.started(before, Start("j1", 0), NOW)[1] == "success"

    @pytest.mark.parametrize("tag", [6, 2**63 - 1])
    def test_tag_above_the_session_is_refused(self, tag: int) -> None:
        with pytest.raises(Invalid, match=rf"^requested tag value too high\. Session Tag: 5 Job Tag: {tag}$"):
            sessions.started(session(), Start("j1", tag), NOW)

    def test_error_for_a_huge_tag_does_not_contain_it(self) -> None:
        with pytest.raises(Invalid, match=r"Job Tag: beyond 64 bits$"):
            sessions.started(session(), Start("j1", 10**900), NOW)

    def test_tag_stays_within_64_bits(self) -> None:
        assert sessions.started(session(2**63 - 2), Start("j1", 2**63 - 2), NOW)[0]["session_tag"] == 2**63 - 1
        with pytest.raises(Invalid, match="session_tag"):
            sessions.started(session(2**63 - 1), Start("j1", 2**63 - 1), NOW)

    @pytest.mark.parametrize("tag", [4, 5, 6])
    def test_start_of_a_job_that_is_not_a_member_is_refused(self, tag: int) -> None:
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
    def test_end_of_the_last_running_member_completes_the_session(
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

    def test_member_can_end_without_having_started(self) -> None:
        before = session(earlier=["j1"])
        assert sessions.ended(before, End("j1", "success", 4), NOW)["status"] == "running"
        assert sessions.ended(before, End("j1", "success"), NOW)["status"] == "running"
        assert sessions.ended(before, End("j1", "success", 5), NOW)["status"] == "completed"

    @pytest.mark.parametrize(
        ("overall", "late", "then"),
        [("success", "fail", "fail"), ("success", "success", "success"), ("fail", "success", "fail")],
    )
    def test_end_after_completion_can_only_change_success_to_failure(
        self, overall: str, late: str, then: str
    ) -> None:
        jobs = {"j1": done(overall), "j2": done("success")}
        before = session(status="completed", jobs=jobs, time_end=1, result=overall)
        after = sessions.ended(before, End("j1", late, 5), NOW)
        assert (after["status"], after["result"], after["time_end"]) == ("completed", then, 1)


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
    def test_entries_of_members_are_copies(self, schedule: Any, expected: Any) -> None:
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
    def test_job_completed_before_joining_is_not_in_the_run(
        self, status: str, known: Any, came: str, earlier: Any
    ) -> None:
        before = session(status=status, jobs={} if known is None else {"j1": entry(known)})
        assert sessions.with_member(before, job(came))["_earlier"] == earlier

    def test_removal_of_last_running_member_ends_the_run(self) -> None:
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
    def test_other_removals_do_not_end_the_run(self, before: Any, status: str) -> None:
        after = sessions.without_member(before, "j1", NOW)
        assert "j1" not in after["jobs"]
        assert after["status"] == status
        assert "time_end" not in after

    def test_removal_of_another_job_changes_nothing(self) -> None:
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
def test_change_of_triggers_is_detected(old: Any, new: Any, expected: bool) -> None:
    assert sessions.retriggers(old, new) is expected
