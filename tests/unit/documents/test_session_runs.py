# SPDX-License-Identifier: Apache-2.0
"""Compare the state machine of sessions with an independent model."""

import copy
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from freezer_api.documents import sessions
from freezer_api.documents.json_codec import decode, encode
from freezer_api.documents.merge import deep_merge
from freezer_api.documents.sessions import End, Start
from freezer_api.errors import Invalid

from .json_values import unchanged

JOBS = st.sampled_from(["j1", "j2", "j3"])
RESULTS = st.sampled_from(["success", "success", "fail", "aborted"])
HOLD_OFF = 30


@dataclass
class Member:
    """``ended``: the result in the current run, if the member has ended. ``joined``: whether it is in this run."""

    joined: bool = True
    ended: str | None = None


class SessionRuns(RuleBasedStateMachine):
    """A model of a session: the members of the current run, and the result of each."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000
        self.tag = 0
        self.begun: int | None = None
        self.members: dict[str, Member] = {}
        self.completed = False
        self.result: str | None = None

    @initialize(tag=st.integers(0, 3), age=st.none() | st.just(-1))
    def create(self, tag: int, age: int | None) -> None:
        body = {"session_tag": tag, **({} if age is None else {"time_start": age})}
        self.session: Any = sessions.new(body)
        self.tag = tag

    def change(self, change: Any) -> Any:
        before = copy.deepcopy(self.session)
        with unchanged(self.session):
            result = change(self.session)
        self.session = result[0] if isinstance(result, tuple) else result
        self.before = before
        return result[1] if isinstance(result, tuple) else None

    @rule(seconds=st.sampled_from([0, 1, HOLD_OFF - 1, HOLD_OFF, HOLD_OFF + 1, 1000]))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def stored_and_read_again(self) -> None:
        self.session = decode(encode(self.session))

    @rule(job_id=JOBS, status=st.sampled_from(["", "scheduled", "completed"]), result=RESULTS)
    def join(self, job_id: str, status: str, result: str) -> None:
        job = {"job_id": job_id, "client_id": "c", "job_schedule": {"status": status, "result": result}}
        running = self.session["status"] == "running"
        was_completed = self.session["jobs"].get(job_id, {}).get("status") == "completed"
        self.change(lambda session: sessions.with_member(session, job))
        member = self.members.setdefault(job_id, Member())
        if status == "completed" and running and not was_completed:
            member.joined = False
        member.ended = result if status == "completed" and member.joined else None

    @rule(job_id=JOBS)
    def leave(self, job_id: str) -> None:
        running = self.session["status"] == "running"
        was_member = self.members.pop(job_id, None) is not None
        self.change(lambda session: sessions.without_member(session, job_id, self.now))
        if was_member and running:
            self.expect_completion()

    @precondition(lambda self: self.members)
    @rule(job_id=JOBS, behind=st.sampled_from([-1, 0, 0, 0, 1, 2]))
    def start(self, job_id: str, behind: int) -> None:
        request = Start(job_id, self.tag - behind)
        if job_id not in self.members or behind < 0:
            self.refused(lambda session: sessions.started(session, request, self.now))
            return
        answer = self.change(lambda session: sessions.started(session, request, self.now))
        in_window = self.begun is not None and self.now - self.begun <= HOLD_OFF
        assert (
            answer
            == {
                (True, True): "hold-off",
                (True, False): "success",
                (False, True): "success",
                (False, False): "out-of-sync",
            }[in_window, behind == 0]
        )
        if answer != "success":
            assert self.session == self.before
            return
        if not in_window:
            self.tag += 1
            self.begun = self.now
            self.completed, self.result = False, ""
            self.members = {other: Member(joined=False) for other in self.members}
        self.members[job_id] = Member()
        assert self.session["jobs"][job_id]["status"] == "running"

    @precondition(lambda self: self.members)
    @rule(job_id=JOBS, behind=st.sampled_from([-1, 0, 0, 1, 2]), result=RESULTS)
    def end(self, job_id: str, behind: int, result: str) -> None:
        request = End(job_id, result, self.tag - behind)
        if job_id not in self.members:
            self.refused(lambda session: sessions.ended(session, request, self.now))
            return
        self.change(lambda session: sessions.ended(session, request, self.now))
        member = self.members[job_id]
        member.joined = member.joined or behind == 0
        member.ended = result if member.joined else None
        assert self.session["jobs"][job_id]["status"] == "completed"
        assert self.session["jobs"][job_id]["result"] == result
        self.expect_completion()

    def expect_completion(self) -> None:
        results = [member.ended for member in self.members.values()]
        if not results or None in results:
            return
        overall = "success" if set(results) == {"success"} else "fail"
        if not self.completed:
            self.completed, self.result = True, overall
            assert self.session["time_end"] == self.now
        elif overall == "fail":
            self.result = "fail"

    def refused(self, change: Any) -> None:
        try:
            self.change(change)
        except Invalid:
            return
        raise AssertionError("not refused")

    @rule(tag=st.integers(0, 8))
    def patch_the_tag(self, tag: int) -> None:
        """A PATCH of the tag changes only the tag, not which members have joined the current run."""
        self.session = deep_merge(self.session, sessions.patch_of({"session_tag": tag}))
        self.tag = tag

    @rule()
    def replace_by_itself(self) -> None:
        seen = {key: value for key, value in self.session.items() if not key.startswith("_")}
        self.change(lambda session: sessions.replacement(seen, session))

    @invariant()
    def the_tag_is_right(self) -> None:
        assert sessions.tag_of(getattr(self, "session", {})) == self.tag

    @invariant()
    def it_is_completed_when_all_have_ended_the_current_run_and_never_before(self) -> None:
        if hasattr(self, "session"):
            assert (self.session["status"] == "completed") is self.completed
            assert self.session.get("result") == self.result

    @invariant()
    def members_are_right(self) -> None:
        if hasattr(self, "session"):
            assert sessions.members(self.session).keys() == self.members.keys()


TestSessionRuns = SessionRuns.TestCase
TestSessionRuns.settings = settings(max_examples=settings().max_examples * 3, stateful_step_count=30)


class RunsWithoutPatches(SessionRuns):
    """Without PATCHes the tag never decreases, and increases by one at most once in a hold-off window."""

    patch_the_tag = None

    def __init__(self) -> None:
        super().__init__()
        self.seen_tag = 0
        self.last_rise: int | None = None

    @invariant()
    def the_tag_rises_once_in_a_window(self) -> None:
        tag = sessions.tag_of(getattr(self, "session", {}))
        if hasattr(self, "session") and not hasattr(self, "known"):
            self.known = True
            self.seen_tag = tag
        assert tag in (self.seen_tag, self.seen_tag + 1)
        if tag > self.seen_tag:
            assert self.last_rise is None or self.now - self.last_rise > HOLD_OFF
            self.seen_tag, self.last_rise = tag, self.now


TestRunsWithoutPatches = RunsWithoutPatches.TestCase
TestRunsWithoutPatches.settings = settings(stateful_step_count=30)
