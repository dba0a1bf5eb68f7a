# SPDX-License-Identifier: Apache-2.0
"""The jobs of all clients start in the same second. Each reports three states, a backup and its end."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from statistics import median, quantiles
from time import perf_counter

from bench.context import Bench, report_progress
from bench.fleet import MIN_JOBS, Wanted
from bench.rows import Row
from bench.scenarios import V1, create_backup, patch_job
from bench.target import Target
from bench.wire import Answer, Load, Request
from freezer_api.documents.backups import BACKUPS
from freezer_api.documents.jobs import JOBS

CASE = "herd"

MIN_WRITES = 860.0
"""The goal for writes per second on Elasticsearch: four times (4 * 205 + 254) / 5. These were the rates of PATCH
and of creations when the goal was set, with 8 threads on two processors.
"""
MAX_P99 = 2.0
"""The goal for the 99th percentile of response times, in seconds, with 500 writers."""

_PATCHES = 3


def run(bench: Bench) -> Iterator[Row]:
    clients, writers = bench.sizes.herd, min(bench.sizes.writers, bench.sizes.herd)
    with bench.serving(Wanted(clients + MIN_JOBS)) as target:
        report_progress(f"{clients:,} clients, {writers} at once")
        herd = _Herd(target.fleet.jobs[:clients], writers)
        cpu, store_cpu, begun = target.server.cpu(), bench.engine.cpu(), perf_counter()
        herd.run(target)
        seconds = perf_counter() - begun
        cpu, store_cpu = target.server.cpu() - cpu, bench.engine.cpu() - store_cpu
        lost = herd.count_lost(target)
    count, on_elastic = len(herd.seconds), bench.engine.waits
    p50, p99 = median(herd.seconds), quantiles(herd.seconds, n=100)[98]
    costs = {"cpu_ms": cpu / count * 1000, "cpu_ms_of_the_store": store_cpu / count * 1000}
    note = f"CPU a write: {costs['cpu_ms']:.2f} ms, of the store's server: {costs['cpu_ms_of_the_store']:.2f} ms"
    goal = MIN_WRITES if on_elastic else None
    yield Row(
        CASE, f"writes, {writers} writers", "per second", count / seconds, None, goal, at_least=True, note=note
    )
    yield Row(CASE, f"p50, {writers} writers", "s", p50)
    yield Row(CASE, f"p99, {writers} writers", "s", p99, goal=MAX_P99)
    failed = sum(number for status, number in herd.statuses.items() if not 200 <= status < 300)
    statuses = {str(status): number for status, number in herd.statuses.items()}
    yield Row(CASE, "responses other than 2xx", "number", failed, goal=0, details={"statuses": statuses})
    yield Row(CASE, "acknowledged writes that are lost", "number", lost, goal=0)


@dataclass
class _Herd:
    jobs: list[str]
    writers: int
    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    last: dict[str, int] = field(default_factory=dict)
    """By job, the number in the last acknowledged PATCH."""
    backups: list[str] = field(default_factory=list)

    def run(self, target: Target) -> None:
        """Send the writes of each client one after the other, those of several clients at the same time."""
        sent: list[list[tuple[str, int]]] = [[] for _ in range(self.writers)]
        streams = [
            (request.raw() for request in self._requests(number, sent[number])) for number in range(self.writers)
        ]
        with Load(target.server.port, streams) as load:
            for number, answer in load.answers():
                self._note(*sent[number][-1], answer)

    def _requests(self, number: int, sent: list[tuple[str, int]]) -> Iterator[Request]:
        """Yield the requests of one writer. Append the job and the number in the PATCH (or 0) to ``sent``."""
        for client in range(number, len(self.jobs), self.writers):
            job_id = self.jobs[client]
            for pid in range(1, _PATCHES + 2):
                if pid > _PATCHES:
                    sent.append((job_id, 0))
                    yield create_backup(V1, client)
                sent.append((job_id, pid))
                yield patch_job(V1, job_id, pid)

    def _note(self, job_id: str, pid: int, answer: Answer) -> None:
        self.seconds.append(answer.seconds)
        self.statuses[answer.status] += 1
        if answer.status == 201:
            self.backups.append(json.loads(answer.body)["backup_id"])
        elif answer.status == 200:
            self.last[job_id] = pid

    def count_lost(self, target: Target) -> int:
        assert target.store is not None
        with closing(target.store.open()) as repository:
            stored = {job_id: repository.get(JOBS, job_id) for job_id in self.last}
            lost = sum(repository.get(BACKUPS, backup_id) is None for backup_id in self.backups)
        for job_id, pid in self.last.items():
            job = stored[job_id]
            # A PATCH that was not acknowledged may have been stored, too.
            lost += job is None or job.document["job_schedule"].get("current_pid", 0) < pid
        return lost
