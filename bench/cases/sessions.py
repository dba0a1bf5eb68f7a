# SPDX-License-Identifier: Apache-2.0
"""Measure PATCH of the schedule and DELETE of a session with many members. Both change every member."""

import json
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
INTERVAL = "2 days"


def run(bench: Bench) -> Iterator[Row]:
    members = bench.sizes.members
    wanted = Wanted(members + MIN_JOBS, sessions=1, members=members)
    with bench.serving(wanted) as target:
        ((session_id, job_ids),) = target.fleet.sessions.items()
        path = f"{V1}/sessions/{session_id}"
        schedule = {"schedule_interval": INTERVAL, "schedule_start_date": "2026-07-02T16:20:00"}
        costs: list[tuple[float, float]] = []
        changed: list[int] = []
        for request, status in (
            (Request("PATCH", path, body={"schedule": schedule}), 200),
            (Request("DELETE", path), 204),
        ):
            report_progress(f"{request.method} of a session of {members:,} members")
            cpu, begun = target.server.cpu(), perf_counter()
            send(target.server.port, request, status)
            costs.append((perf_counter() - begun, target.server.cpu() - cpu))
            changed.append(_count(target.server.port, session_id))
        assert target.store is not None
        # A bare write loses what only searches need, so it is the last one.
        floor = target.store.rewrite(JOBS, job_ids)
        for method, (seconds, used) in zip(("PATCH", "DELETE"), costs, strict=True):
            note = f"{used:.2f} s of CPU; floor: one bare write of all members"
            title = f"{method} of a session, {members:,} members"
            yield Row(CASE, title, "s", seconds, floor, MAX_SECONDS if bench.engine.waits else None, note=note)
        title = "members with the new schedule after PATCH"
        yield Row(CASE, title, "number", changed[0], goal=members, at_least=True)
        yield Row(CASE, "members that still name the deleted session", "number", changed[1], goal=0)


def _count(port: int, session_id: str) -> int:
    """Return the number of jobs, at most 1,000, that name the session and have its new schedule."""
    search = {"match": [{"session_id": session_id}, {"schedule_interval": INTERVAL}]}
    answer = send(port, Request("GET", f"{V1}/jobs", "limit=1000", search))
    return len(json.loads(answer.body)["jobs"])
