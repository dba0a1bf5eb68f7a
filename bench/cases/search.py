# SPDX-License-Identifier: Apache-2.0
"""Measure searches of backups by the properties that clients search most, among few and among many backups."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from statistics import median

from bench import scenarios
from bench.context import Bench, report_progress
from bench.fleet import Wanted
from bench.rows import Row
from bench.target import HELLO_CPU_MS, Figures
from bench.wire import run as run_load

CASE = "search of backups"

MAX_RATIO = 1.5
"""The goal for the CPU time among many backups, divided by that among the fewest."""
_COUNTS = (5, 100)
"""Number of requests in one measurement: if a request is slow, and if it is fast."""
_SLOW = 0.05
"""Seconds from which a request is slow."""


def run(bench: Bench) -> Iterator[Row]:
    few = min(bench.sizes.backups)
    with ExitStack() as stack:
        targets = {
            backups: stack.enter_context(bench.serving(Wanted(backups=backups))) for backups in bench.sizes.backups
        }
        hello = stack.enter_context(bench.hello(1000))
        hello_ms = hello.measure(scenarios.HELLO, 500, 1).cpu * 1000
        for scenario in scenarios.SEARCHES:
            report_progress(f"searches {scenario.name}")
            medians: dict[int, Figures] = {}
            bare: dict[int, float] = {}
            for backups, target in targets.items():
                assert target.store is not None
                requests = target.requests(scenario)
                # The first ones warm up.
                *_, probe = run_load(target.server.port, 1, requests, _COUNTS[0], scenario.status)
                count = _COUNTS[probe.seconds < _SLOW]
                rounds = [target.cost(requests, count, 1, scenario.status) for _ in range(bench.sizes.rounds)]
                medians[backups] = Figures.medians(rounds)
                calls = target.store.bare(list(islice(requests, count)), scenario.status, writes=False)
                if calls is not None:
                    bare[backups] = median(calls.cpu(count, 1) for _ in range(bench.sizes.rounds)) * 1000
            for backups, figures in medians.items():
                ms = figures.all_cpu * 1000
                goal = None
                if bench.is_embedded and scenario.cpu_ms:
                    goal = scenario.cpu_ms / HELLO_CPU_MS * hello_ms
                floor = hello_ms + bare[backups] if backups in bare else None
                note = f"p50 {figures.p50 * 1000:.1f} ms"
                yield Row(CASE, f"{scenario.name}, {backups:,}", "CPU ms", ms, floor, goal, note=note)
            for backups, figures in medians.items():
                if backups != few:
                    ratio = figures.all_cpu / medians[few].all_cpu
                    title = f"{scenario.name}, {backups:,}, of {few:,}"
                    yield Row(CASE, title, "ratio", ratio, goal=MAX_RATIO)
