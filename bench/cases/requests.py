# SPDX-License-Identifier: Apache-2.0
"""Measure the CPU time of requests, and of the hello-world and bare calls to the store for comparison.

The servers run at the same time, and each scenario is sent to them in turn, so that other load on the machine
affects all of them alike. Figures are medians of the rounds.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from statistics import median
from typing import Any

from bench import scenarios
from bench.context import Bench, report_progress
from bench.engines import Counts
from bench.fleet import Wanted
from bench.floor import Bare
from bench.rows import Row
from bench.scenarios import Scenario
from bench.target import HELLO_CPU_MS, Figures, Target, warm_up
from bench.wire import send

CASE = "requests"

WRITE_DIVISOR = 2
"""The number of requests is divided by this for writes."""
MAX_RATIO_TO_V1 = 1.05
MAX_RATIO_TO_FEW_JOBS = 1.5
MAX_HELLO_CPU_MS = 2 * HELLO_CPU_MS
_WRITE_SAMPLE_SIZE = 100

_Name = tuple[str, int]
"""A scenario and the number of jobs in the store."""


def run(bench: Bench) -> Iterator[Row]:
    """Measure all scenarios in both versions."""
    chosen = (*scenarios.OF_V1, *scenarios.OF_V2)
    with ExitStack() as stack:
        targets = {
            jobs: stack.enter_context(bench.serving(Wanted(jobs, backups=jobs, sessions=_sessions(bench, jobs))))
            for jobs in bench.sizes.jobs
        }
        first = targets[bench.sizes.jobs[0]]
        size = len(send(first.server.port, next(first.requests(scenarios.GET_JOB))).body)
        hello = stack.enter_context(bench.hello(size))
        results = _Results(bench, hello, targets)
        for scenario in chosen:
            results.record(scenario)
        before = {jobs: target.server.memory() for jobs, target in targets.items()}
        # Measure reads first, because writes add documents.
        for writes in (False, True):
            for number in range(bench.sizes.rounds):
                kind = "writes" if writes else "reads"
                report_progress(f"{kind}, round {number + 1} of {bench.sizes.rounds}")
                results.measure([scenario for scenario in chosen if scenario.writes == writes])
        yield from results.rows()
        for jobs, target in targets.items():
            sizes = {"at_start": before[jobs], "hello": hello.server.memory()}
            mib = target.server.memory() / (1 << 20)
            yield Row(CASE, f"memory of the service, {jobs:,} jobs", "MiB", mib, details=sizes)


def _count(bench: Bench, scenario: Scenario) -> int:
    """Return the number of requests in one measurement."""
    return max(bench.sizes.requests // (WRITE_DIVISOR if scenario.writes else 1), bench.connections)


def _sessions(bench: Bench, jobs: int) -> int:
    """Return the number of sessions in the store. Each can be started and ended once."""
    count = _count(bench, scenarios.ACT)
    needed = (count + warm_up(count, bench.connections)) * bench.sizes.rounds + _WRITE_SAMPLE_SIZE
    return min(needed // 2 + 1, jobs // (2 * Wanted.members))


class _Results:
    def __init__(self, bench: Bench, hello: Target, targets: dict[int, Target]) -> None:
        self._bench = bench
        self._hello = hello
        self._targets = targets
        self._figures: dict[_Name, list[Figures]] = {}
        self._calls: dict[_Name, Bare[Any]] = {}
        self._bare: dict[_Name, list[float]] = {}
        self._refreshes: dict[_Name, list[float]] = {}

    def record(self, scenario: Scenario) -> None:
        """Record the calls of each scenario to the store."""
        for jobs, target in self._targets.items():
            assert target.store is not None
            most = _WRITE_SAMPLE_SIZE if scenario.writes else scenarios.SAMPLE_SIZE
            sample = min(most, _count(self._bench, scenario))
            requests = list(islice(target.requests(scenario), sample))
            bare = target.store.bare(requests, scenario.status, writes=scenario.writes)
            if bare is not None:
                self._calls[scenario.name, jobs] = bare

    def measure(self, chosen: list[Scenario]) -> None:
        """Measure one round of each scenario."""
        self._measure(scenarios.HELLO, 0, self._hello)
        if self._bench.engine.waits and chosen[0].writes:
            self._measure(scenarios.HELLO_WAITS, 0, self._hello)
        for scenario in chosen:
            for jobs, target in self._targets.items():
                before = _counts(target)
                self._measure(scenario, jobs, target)
                self._note_refreshes((scenario.name, jobs), before, _counts(target))
        for scenario in chosen:
            connections = self._bench.connections if scenario.writes else 1
            for jobs in self._targets:
                if bare := self._calls.get((scenario.name, jobs)):
                    used = bare.cpu(_count(self._bench, scenario), connections)
                    self._bare.setdefault((scenario.name, jobs), []).append(used)

    def _measure(self, scenario: Scenario, jobs: int, target: Target) -> None:
        figures = target.measure(scenario, _count(self._bench, scenario), self._bench.connections)
        self._figures.setdefault((scenario.name, jobs), []).append(figures)

    def _note_refreshes(self, name: _Name, before: Counts | None, after: Counts | None) -> None:
        if before and after and after.writes > before.writes:
            each = (after.refreshes - before.refreshes) / (after.writes - before.writes)
            self._refreshes.setdefault(name, []).append(each)

    def _cpu(self, name: str, jobs: int) -> float:
        return Figures.medians(self._figures[name, jobs]).cpu

    def _floor(self, scenario: Scenario, jobs: int) -> float | None:
        """Return the CPU seconds of the hello-world plus those of the bare calls."""
        if (scenario.name, jobs) not in self._bare:
            return None
        waits = scenario.writes and self._bench.engine.waits
        hello = scenarios.HELLO_WAITS if waits else scenarios.HELLO
        return self._cpu(hello.name, 0) + median(self._bare[scenario.name, jobs])

    def rows(self) -> Iterator[Row]:
        for scenario in (scenarios.HELLO, scenarios.HELLO_WAITS):
            if (scenario.name, 0) in self._figures:
                yield self._row(scenario, 0)
        for scenario in (*scenarios.OF_V1, *scenarios.OF_V2):
            for jobs in self._targets:
                yield self._row(scenario, jobs)
        yield from self._ratios()
        yield from self._calls_to_the_store()

    def _row(self, scenario: Scenario, jobs: int) -> Row:
        name = (scenario.name, jobs)
        figures, bare = Figures.medians(self._figures[name]), self._bare.get(name)
        floor, goal = self._floor(scenario, jobs), None
        if scenario.cpu_ms and self._bench.is_embedded:
            # Scale the goal, because the machine on which it was set may be faster or slower.
            goal = scenario.cpu_ms / HELLO_CPU_MS * self._cpu(scenarios.HELLO.name, 0) * 1000
        details = {
            "requests_per_second": figures.throughput,
            "p50_ms": figures.p50 * 1000,
            "p99_ms": figures.p99 * 1000,
            "cpu_ms_by_round": [one.cpu * 1000 for one in self._figures[name]],
            "bare_cpu_ms": bare and median(bare) * 1000,
            "cpu_ms_with_the_store": figures.all_cpu * 1000,
        }
        title = f"{scenario.name}, {jobs:,} jobs" if jobs else scenario.name
        note, ms = f"p50 {figures.p50 * 1000:.1f} ms", figures.cpu * 1000
        if scenario is scenarios.HELLO and ms > MAX_HELLO_CPU_MS:
            note += "; THE MACHINE IS BUSY: its overhead hides differences, and goals of CPU time are too high"
        return Row(CASE, title, "CPU ms", ms, floor and floor * 1000, goal, note=note, details=details)

    def _ratios(self) -> Iterator[Row]:
        """Yield the ratios of a result to its floor, to v1 and to the smallest store."""
        aims, few = self._bench.engine.aims, min(self._targets)
        for scenario in scenarios.OF_V1:
            for jobs in self._targets:
                title, cpu = f"{scenario.name}, {jobs:,} jobs", self._cpu(scenario.name, jobs)
                if scenario.name in aims.of_floor and (floor := self._floor(scenario, jobs)):
                    yield _ratio(f"{title}, of its floor", cpu / floor, aims.of_floor[scenario.name])
                if (scenario.of_v2, jobs) in self._figures:
                    yield _ratio(f"{title}, v2 of v1", self._cpu(scenario.of_v2, jobs) / cpu, MAX_RATIO_TO_V1)
                if scenario in (scenarios.POLL, scenarios.DEEP) and jobs != few:
                    value = cpu / self._cpu(scenario.name, few)
                    yield _ratio(f"{title}, of {few:,}", value, MAX_RATIO_TO_FEW_JOBS)

    def _calls_to_the_store(self) -> Iterator[Row]:
        aims = self._bench.engine.aims
        for (name, jobs), bare in self._calls.items():
            if name in aims.trips:
                title = f"{name}, {jobs:,} jobs, calls to the store"
                yield Row(CASE, title, "number", bare.trips, goal=aims.trips[name])
        for (name, jobs), of in self._refreshes.items():
            title = f"{name}, {jobs:,} jobs, refreshes per write"
            yield Row(CASE, title, "number", median(of), goal=aims.refreshes)


def _ratio(title: str, value: float, goal: float) -> Row:
    return Row(CASE, title, "ratio", value, goal=goal)


def _counts(target: Target) -> Counts | None:
    return None if target.store is None else target.store.counts()
