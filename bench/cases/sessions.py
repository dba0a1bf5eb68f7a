# SPDX-License-Identifier: Apache-2.0
"""Measure PATCH of the schedule and DELETE of a session with many members. Both change every member."""

from collections.abc import Iterator
from time import perf_counter

from bench.context import Bench, report_progress
from bench.fleet import MIN_JOBS, Wanted
from bench.rows import Row
from bench.scenarios import V1
from bench.wire import Request, send
from freezer_api.documents.jobs import JOBS

CASE = "large session"

MAX_SECONDS = 2.0


def run(bench: Bench) -> Iterator[Row]:
    members = bench.sizes.members
    wanted = Wanted(members + MIN_JOBS, sessions=1, members=members)
    with bench.serving(wanted) as target:
        ((session_id, job_ids),) = target.fleet.sessions.items()
        path = f"{V1}/sessions/{session_id}"
        schedule = {"schedule_interval": "2 days", "schedule_start_date": "2026-07-02T16:20:00"}
        assert target.store is not None
        floor = target.store.rewrite(JOBS, job_ids)
        for request, status in (
            (Request("PATCH", path, body={"schedule": schedule}), 200),
            (Request("DELETE", path), 204),
        ):
            report_progress(f"{request.method} of a session of {members:,} members")
            cpu, begun = target.server.cpu(), perf_counter()
            send(target.server.port, request, status)
            seconds, used = perf_counter() - begun, target.server.cpu() - cpu
            note = f"{used:.2f} s of CPU; floor: one bare write of all members"
            title = f"{request.method} of a session, {members:,} members"
            yield Row(CASE, title, "s", seconds, floor, MAX_SECONDS if bench.engine.waits else None, note=note)
        with_session = _bound(target.server.port, session_id)
        yield Row(CASE, "jobs that still name the deleted session", "number", with_session, goal=0)


def _bound(port: int, session_id: str) -> float:
    answer = send(port, Request("GET", f"{V1}/jobs", "limit=1000", {"match": [{"session_id": session_id}]}))
    return answer.body.count(session_id.encode())
