# SPDX-License-Identifier: Apache-2.0
"""Measure the memory of a worker that answers the largest requests, one at a time and eight at once."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bench import target
from bench.context import Bench, report_progress
from bench.engines import Store
from bench.fleet import Fleet, metadata
from bench.rows import Row
from bench.scenarios import V2
from bench.wire import Request
from bench.wire import run as run_load
from freezer_api.documents.backups import BACKUPS
from freezer_api.documents.limits import MIB
from freezer_api.repository.protocol import Original

CASE = "memory"

MAX_ADDED = 64.0
"""The goal for the memory that one request adds to a worker, in MiB."""
MAX_WORKER = 400.0
"""The goal for the memory of a worker with eight concurrent requests, in MiB."""
AT_ONCE = 8

_NUMBERS = 70_000
"""Number of small values in a document of almost 1 MiB."""


def run(bench: Bench) -> Iterator[Row]:
    texts: dict[str, object] = {"note": "x" * (MIB - 4096)}
    numbers: dict[str, object] = {f"n{number:06}": number % 10 for number in range(_NUMBERS)}
    for title, extra in (("large texts", texts), ("small values", numbers)):
        report_progress(f"storing documents of 1 MiB with {title}")
        store = bench.new_store()
        _fill(store, extra, bench.sizes.large_documents)
        page = Request("GET", f"{V2}/backups", "limit=1000")
        creation = Request("POST", f"{V2}/backups", body={**metadata(0), **extra})
        for name, request, status in (("page", page, 200), ("creation", creation, 201)):
            yield from _rows(bench, store, f"{name} of documents of 1 MiB, {title}", request, status)


def _fill(store: Store, extra: dict[str, object], count: int) -> None:
    owner = {"user_id": "demo", "project_id": "demo", "user_name": "demo"}
    with closing(store.open()) as repository:
        for number in range(count):
            key = f"{number:032x}"
            backup = {**owner, "backup_id": key, "backup_metadata": {**metadata(number), **extra}}
            repository.restore(BACKUPS, [Original(key, backup, 1, number + 1)])
    store.settle()


def _options(directory: Path) -> tuple[str, ...]:
    """Return options for one worker that serves as many concurrent lists of a project as it has threads."""
    file = directory / "lists.conf"
    file.write_text("[api]\nmax_concurrent_lists = 0\n")
    return "--workers", "1", "--config-file", str(file)


def _rows(bench: Bench, store: Store, title: str, request: Request, status: int) -> Iterator[Row]:
    found: list[float] = []
    size = failed = 0
    for at_once in (1, AT_ONCE):
        report_progress(f"{title}, {at_once} at once")
        # Start a new worker, because a worker may use memory of earlier requests again.
        directory = bench.new_directory()
        with target.service(bench.engine, store, Fleet(), directory, *_options(directory)) as running:
            run_load(running.server.port, 1, iter([Request("GET", f"{V2}/jobs")]), 1, 200)
            before = running.server.reset_peak()
            # Ignore failures: the store may be too slow for eight requests, but the memory can still be measured.
            answers = run_load(running.server.port, at_once, iter([request] * at_once), at_once, None)
            failed = sum(answer.status != status for answer in answers)
            size = max(size, len(request.content), len(answers[0].body))
            found += [running.server.peak() - before] if at_once == 1 else [running.server.peak()]
    floor = size / MIB
    note = "floor: the body"
    yield Row(CASE, f"{title}: added by one", "MiB", found[0] / MIB, floor, MAX_ADDED, note=note)
    note = f"{failed} of {AT_ONCE} failed" if failed else ""
    yield Row(CASE, f"{title}: worker with {AT_ONCE} at once", "MiB", found[1] / MIB, None, MAX_WORKER, note=note)
