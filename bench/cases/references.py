# SPDX-License-Identifier: Apache-2.0
"""Measure the creation of a job with new actions, and of a document without references for comparison."""

from collections.abc import Iterator
from statistics import median

from bench.context import Bench, report_progress
from bench.fleet import MIN_JOBS, Wanted
from bench.rows import Row
from bench.scenarios import V1, create_backup, create_job
from bench.wire import Request, send

CASE = "creation with references"

MAX_RATIO = 1.3


def run(bench: Bench) -> Iterator[Row]:
    count = max(20, bench.sizes.requests // 5)
    with bench.serving(Wanted(MIN_JOBS)) as target:
        report_progress("creations one after the other")
        clients = target.fleet.others
        taken: dict[int | None, list[float]] = {None: [], 1: [], 3: []}
        for number in range(count):
            for actions, seconds in taken.items():
                request: Request = create_backup(V1, number)
                if actions is not None:
                    request = create_job(V1, number, clients[number % len(clients)], actions)
                seconds.append(send(target.server.port, request, 201).seconds)
    alone = median(taken[None])
    yield Row(CASE, "backup, without references", "p50 ms", alone * 1000)
    for actions in (1, 3):
        ms = median(taken[actions]) * 1000
        title = f"job, {actions} new actions"
        yield Row(CASE, title, "p50 ms", ms, alone * 1000, note="floor: the backup")
        goal = MAX_RATIO if bench.engine.waits else None
        yield Row(CASE, f"{title}, of the backup", "ratio", ms / alone / 1000, goal=goal)
