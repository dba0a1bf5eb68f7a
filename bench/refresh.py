# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.refresh URL`: compare strategies that make every acknowledged write visible in lists.

Writers create jobs as fast as they can while a reader polls. They send the requests of the service, except for the
parameter that controls the refresh.
"""

import argparse
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from bench import floor, scenarios
from bench.engines.filling import fill
from bench.engines.place import Noting
from bench.engines.search import Indices, Search
from bench.fleet import Fleet, Maker, Wanted
from bench.scenarios import Scenario
from freezer_api.repository.elastic.repository import ElasticRepository
from freezer_api.repository.elastic.transport import Connection

_Call = tuple[str, str, dict[str, Any]]

_WRITERS = (1, 8)
_COLUMNS = ("writers", "writes/s", "p50 ms", "p99 ms", "lists/s", "list p50", "refr/write", "refr/s", "CPU s/s")


@dataclass(frozen=True)
class Strategy:
    """A strategy: the refresh interval of the index, and the ``refresh`` parameter of writes."""

    name: str
    interval: str
    refresh: str
    before_search: bool = False


STRATEGIES = (
    Strategy("refresh=true", "-1", "true"),
    *(Strategy(f"wait_for, {interval}", interval, "wait_for") for interval in ("20ms", "50ms", "100ms")),
    Strategy("refreshed by the search", "-1", "false", before_search=True),
)


@dataclass(frozen=True)
class _Totals:
    """Counters of the server since its start."""

    at: float
    writes: int
    refreshes: int
    cpu: float


class _Trial:
    """Runs writers and a reader for some seconds."""

    def __init__(self, engine: Search, store: Indices, fleet: Fleet, seconds: float, pause: float) -> None:
        self._engine = engine
        self._store = store
        self._fleet = fleet
        self._seconds = seconds
        self._pause = pause
        # The last call creates the job; the others create its actions.
        *_, self._write = self._call(scenarios.CREATE_JOB)
        (self._search,) = self._call(scenarios.POLL)

    def _call(self, scenario: Scenario) -> list[_Call]:
        place, requests = self._store.place, islice(scenario.requests(self._fleet), 1)
        connection = place.connect(Noting)
        with closing(ElasticRepository(connection, place.prefix)) as repository:
            (calls,) = floor.calls(repository, connection.noted, requests, scenario.status)
        return calls

    def row(self, strategy: Strategy, writers: int) -> str:
        with ThreadPoolExecutor(writers + 1) as pool, closing(self._connect()) as connection:
            self._set_interval(connection, strategy.interval)
            before = self._totals()
            written = [pool.submit(self._writer, strategy, before.at + self._seconds) for _ in range(writers)]
            listed = pool.submit(self._reader, strategy, before.at + self._seconds).result()
            taken = [one for writer in written for one in writer.result()]
            after = self._totals()
        seconds, refreshes = after.at - before.at, after.refreshes - before.refreshes
        return (
            f"{strategy.name:<24}{writers:>8}{len(taken) / seconds:>11.0f}{median(taken) * 1000:>11.1f}"
            f"{quantiles(taken, n=100)[98] * 1000:>11.1f}{len(listed) / seconds:>11.0f}"
            f"{median(listed) * 1000:>11.1f}{refreshes / (after.writes - before.writes):>11.2f}"
            f"{refreshes / seconds:>11.0f}{(after.cpu - before.cpu) / seconds:>11.2f}"
        )

    def _connect(self) -> Connection:
        connection = self._store.place.connect(Connection)
        connection.detect_engine()
        return connection

    def _set_interval(self, connection: Connection, interval: str) -> None:
        target = f"/{self._store.place.prefix}-jobs/_settings"
        connection.call("PUT", target, {"index": {"refresh_interval": interval}})

    def _totals(self) -> _Totals:
        counts = self._store.counts()
        return _Totals(time.monotonic(), counts.writes, counts.refreshes, self._engine.cpu())

    def _writer(self, strategy: Strategy, end: float) -> list[float]:
        method, target, source = self._write
        target = re.sub("refresh=[a-z_]+", f"refresh={strategy.refresh}", target)
        taken = []
        with closing(self._connect()) as connection:
            while time.monotonic() < end:
                key = uuid.uuid4().hex
                begun = time.perf_counter()
                connection.call(
                    method, re.sub("_create/[0-9a-f]+", f"_create/{key}", target), {**source, "key": key}
                )
                taken.append(time.perf_counter() - begun)
        return taken

    def _reader(self, strategy: Strategy, end: float) -> list[float]:
        method, target, body = self._search
        taken = []
        with closing(self._connect()) as connection:
            while time.monotonic() < end:
                begun = time.perf_counter()
                if strategy.before_search:
                    connection.call("POST", f"/{self._store.place.prefix}-jobs/_refresh")
                connection.call(method, target, body)
                taken.append(time.perf_counter() - begun)
                time.sleep(self._pause)
        return taken


def _rows(trial: _Trial, strategies: Sequence[Strategy]) -> Iterator[str]:
    trial.row(strategies[0], max(_WRITERS))  # warm-up
    for strategy in strategies:
        for writers in _WRITERS:
            yield trial.row(strategy, writers)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.refresh", description=__doc__)
    parser.add_argument("url", help="URL of Elasticsearch or OpenSearch; indices are created and removed")
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs that are stored before")
    parser.add_argument("--seconds", type=float, default=5, help="duration of each measurement")
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between two lists of the reader")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="freezer-bench-") as directory, ExitStack() as stores:
        engine = Search("elasticsearch", arguments.url, {}, stores)
        store, maker = engine.create(Path(directory)), Maker(Wanted(arguments.jobs))
        fill(store, maker)
        print(f"{'':<24}{_COLUMNS[0]:>8}" + "".join(f"{column:>11}" for column in _COLUMNS[1:]))
        for row in _rows(_Trial(engine, store, maker.fleet, arguments.seconds, arguments.pause), STRATEGIES):
            print(row, flush=True)


if __name__ == "__main__":
    main()
