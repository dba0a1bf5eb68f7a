# SPDX-License-Identifier: Apache-2.0
"""Measure the import of a dump by ``freezer-manage``, and the size of the store."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from bench.context import Bench, report_progress
from bench.engines.sqlite import File
from bench.fleet import MIN_JOBS, Maker, Wanted
from bench.rows import Row
from bench.servers import MANAGE

CASE = "import and size"

MIN_RATE = 5000.0
"""The goal for imported documents per second, on SQLite."""
MAX_BYTES = 1.8 * 630e6 / 610_000
"""The goal for bytes per document on SQLite: 1.8 times those of the original (0.63 GB for 610,000 documents)."""


def run(bench: Bench) -> Iterator[Row]:
    directory, store = bench.new_directory(), bench.new_store()
    dump = directory / "dump.json"
    count, bytes_ = _write_dump(dump, bench.sizes.imported)
    report_progress(f"importing {count:,} documents")
    begun, before = perf_counter(), os.times()
    command = (*MANAGE, "import", *store.arguments, "--from-dump", str(dump))
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    seconds, after = perf_counter() - begun, os.times()
    if done.returncode:
        raise RuntimeError(f"freezer-manage import failed: {done.stderr[-2000:]}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    floor = None
    if isinstance(store, File):
        other = bench.new_store()
        assert isinstance(other, File)
        floor = count / store.copy_rows(other)
    per_cpu = count / cpu
    goal = MIN_RATE if bench.is_embedded else None
    note = f"{per_cpu:,.0f} per second of CPU; floor: bare inserts of the same rows"
    yield Row(CASE, "import", "per second", count / seconds, floor, goal, at_least=True, note=note)
    yield Row(
        CASE,
        "move between stores",
        "per second",
        None,
        goal=MIN_RATE,
        at_least=True,
        note="no command copies documents between stores",
    )
    size = store.size()
    if size is not None:
        yield Row(
            CASE,
            "size of the store",
            "bytes per document",
            size / count,
            bytes_ / count,
            MAX_BYTES if bench.is_embedded else None,
            note="floor: the documents as JSON",
        )


def _write_dump(path: Path, wanted: int) -> tuple[int, int]:
    """Write a dump with about as many jobs as backups. Return the number and the bytes of its documents."""
    count = bytes_ = 0
    jobs = max(wanted // 2, MIN_JOBS)
    with path.open("w") as file:
        for kind, originals in Maker(Wanted(jobs, backups=wanted // 2)).kinds():
            for original in originals:
                text = json.dumps(original.document, separators=(",", ":"))
                count, bytes_ = count + 1, bytes_ + len(text)
                file.write(f'{{"_type": "{kind.name}", "_id": "{original.key}", "_source": {text}}}\n')
    return count, bytes_
