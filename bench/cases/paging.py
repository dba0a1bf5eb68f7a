# SPDX-License-Identifier: Apache-2.0
"""Measure a central scheduler that reads all its jobs in pages of 10 by offset.

The cost of a page depends on its offset, so windows of consecutive pages are read at several depths. The first
page of each is not measured, because a service may remember the end of the page before. The time of a round is the
mean of the windows, for all pages.
"""

from collections.abc import Iterator
from statistics import mean, median

from bench.context import Bench, report_progress
from bench.fleet import Fleet, Wanted
from bench.rows import Row
from bench.scenarios import PAGE, V2, poll_search
from bench.target import Figures, Target
from bench.wire import Request, send

CASE = "central scheduler"

MAX_RATIO = 1.5
"""The goal for the cost of a page at the end of the list, divided by that of the first pages."""
MAX_ROUND = 30.0
"""The goal for the time to read ``JOBS_OF_ROUND`` jobs, in seconds."""
JOBS_OF_ROUND = 20_000
_WINDOWS = 5
_PAGES = 20
"""Number of pages in a window."""


def run(bench: Bench) -> Iterator[Row]:
    for jobs in bench.sizes.central_jobs:
        with bench.serving(Wanted(jobs, central=True)) as target:
            report_progress(f"pages of {jobs:,} jobs")
            last = jobs // PAGE - _PAGES
            starts = [last * number // (_WINDOWS - 1) for number in range(_WINDOWS)]
            _window(bench, target, starts[1])  # Warm up.
            windows = [_window(bench, target, start) for start in starts]
        first, end = windows[0], windows[-1]
        ms = first.all_cpu * 1000
        yield Row(CASE, f"first pages of {jobs:,} jobs", "CPU ms", ms, note=f"p50 {first.p50 * 1000:.1f} ms")
        ms = end.all_cpu * 1000
        yield Row(CASE, f"last pages of {jobs:,} jobs", "CPU ms", ms, note=f"p50 {end.p50 * 1000:.1f} ms")
        title = f"last pages of {jobs:,} jobs, of the first"
        yield Row(CASE, title, "ratio of CPU", end.all_cpu / first.all_cpu, goal=MAX_RATIO)
        yield Row(CASE, title, "ratio of p50", end.p50 / first.p50, goal=MAX_RATIO)
        pages = jobs / PAGE
        seconds = mean(window.p50 for window in windows) * pages
        floor = min(window.p50 for window in windows) * pages
        goal = MAX_ROUND if jobs == JOBS_OF_ROUND else None
        cpu = mean(window.all_cpu for window in windows) * pages
        note = f"{cpu:.1f} s of CPU; floor: every page as the fastest"
        yield Row(CASE, f"round of {jobs:,} jobs", "s", seconds, floor, goal, note=note)


def _window(bench: Bench, target: Target, start: int) -> Figures:
    """Read consecutive pages in each round, as one client on one connection."""
    figures = []
    for _ in range(bench.sizes.rounds):
        send(target.server.port, _page(target.fleet, start))
        pages = (_page(target.fleet, start + number) for number in range(1, _PAGES))
        figures.append(target.cost(pages, _PAGES - 1, 1, 200))
    return Figures(*(median(getattr(one, name) for one in figures) for name in Figures.__dataclass_fields__))


def _page(fleet: Fleet, number: int) -> Request:
    query = f"all_projects=True&limit={PAGE}&offset={number * PAGE}"
    return Request("GET", f"{V2}/jobs", query, poll_search(fleet.polled[0]))
