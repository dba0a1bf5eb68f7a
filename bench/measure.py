# SPDX-License-Identifier: Apache-2.0
"""Measure servers that run at the same time: each scenario is sent to one server after the other.

So other load on the machine affects all servers alike. Results are medians of the rounds.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any, Self

from bench import scenarios
from bench.engines import Counts, Engine, Store
from bench.fleet import Fleet, Maker
from bench.floor import Bare
from bench.scenarios import Scenario
from bench.servers import HELLO, SERVICE, Server, running
from bench.wire import Load, Request, send

Name = tuple[str, int]

WRITE_DIVISOR = 5
"""The number of requests is divided by this for writes, because each waits for the disk."""
WRITE_SAMPLE_SIZE = 20
WARM_UP_DIVISOR = 10
"""The number of requests is divided by this before a measurement, to warm up."""


@dataclass(frozen=True)
class Settings:
    jobs: tuple[int, ...]
    requests: int
    rounds: int
    connections: int
    scenarios: tuple[Scenario, ...]

    def count(self, scenario: Scenario) -> int:
        """Return the number of requests of one measurement."""
        return max(self.requests // (WRITE_DIVISOR if scenario.writes else 1), self.connections)

    def warm_up(self, scenario: Scenario) -> int:
        return max(self.count(scenario) // WARM_UP_DIVISOR, self.connections)

    def total(self, scenario: Scenario) -> int:
        return (self.count(scenario) + self.warm_up(scenario)) * self.rounds + self.sample(scenario)

    def bare_connections(self, scenario: Scenario) -> int:
        """Return the number of connections for bare calls: one for reads; as in the service for writes."""
        return self.connections if scenario.writes else 1

    def sample(self, scenario: Scenario) -> int:
        """Return the number of requests whose calls to the store are recorded."""
        return WRITE_SAMPLE_SIZE if scenario.writes else scenarios.SAMPLE_SIZE


@dataclass(frozen=True)
class Figures:
    """Requests per second, and seconds per request."""

    throughput: float
    p50: float
    p99: float
    cpu: float

    @classmethod
    def medians(cls, of: Sequence[Self]) -> Self:
        return cls(*(median(getattr(one, name) for one in of) for name in cls.__dataclass_fields__))


class Target:
    """A server and the requests to it."""

    def __init__(self, server: Server, fleet: Fleet) -> None:
        self.server = server
        self._fleet = fleet
        self._requests: dict[str, Iterator[Request]] = {}

    def requests(self, scenario: Scenario) -> Iterator[Request]:
        """Return the iterator of the scenario, which continues where the last measurement ended."""
        if scenario.name not in self._requests:
            self._requests[scenario.name] = scenario.requests(self._fleet)
        return self._requests[scenario.name]

    def measure(self, scenario: Scenario, settings: Settings) -> Figures:
        requests, count = map(Request.raw, self.requests(scenario)), settings.count(scenario)
        with Load(self.server.port, settings.connections) as load:
            load.run(requests, settings.warm_up(scenario), scenario.status)
            cpu, begun = self.server.cpu(), perf_counter()
            taken = load.run(requests, count, scenario.status)
            seconds, used = perf_counter() - begun, self.server.cpu() - cpu
        return Figures(count / seconds, median(taken), quantiles(taken, n=100)[98], used / count)


@dataclass
class Results:
    """Results by scenario and number of jobs.

    ``bare``: CPU seconds per request; ``trips``: calls to the store per request; ``refreshes``: per written
    document; ``memory``, by number of jobs: bytes before and after.
    """

    figures: dict[Name, list[Figures]] = field(default_factory=dict)
    bare: dict[Name, list[float]] = field(default_factory=dict)
    trips: dict[Name, float] = field(default_factory=dict)
    refreshes: dict[Name, list[float]] = field(default_factory=dict)
    memory: dict[int, list[int]] = field(default_factory=dict)


def measure(settings: Settings, engine: Engine, directory: Path) -> Results:
    """Fill the stores, start the servers, measure, stop the servers."""
    start = scenarios.START
    sessions = settings.total(start) if start in settings.scenarios else 0
    stores = {}
    for jobs in settings.jobs:
        _report_progress(f"storing {jobs:,} jobs")
        stores[jobs] = engine.fill(Maker(jobs, sessions), directory / str(jobs))
    with ExitStack() as stack:
        services = {
            jobs: Target(
                stack.enter_context(running((*SERVICE, *store.arguments), directory / f"{jobs}.log")), store.fleet
            )
            for jobs, store in stores.items()
        }
        size = _size_of_get(services[settings.jobs[0]])
        hello = stack.enter_context(running((*HELLO, str(size)), directory / "hello.log"))
        bench = _Bench(settings, Target(hello, Fleet()), services, stores)
        bench.prepare(writes=engine.floor_of_writes)
        bench.run()
        return bench.results


def _size_of_get(service: Target) -> int:
    return len(send(service.server.port, next(service.requests(scenarios.GET))))


class _Bench:
    def __init__(
        self, settings: Settings, hello: Target, services: dict[int, Target], stores: dict[int, Store]
    ) -> None:
        self._settings = settings
        self._hello = hello
        self._services = services
        self._stores = stores
        self._bare: dict[Name, Bare[Any]] = {}
        self.results = Results()

    def _measurements(self, *, writes: bool) -> list[tuple[Scenario, int]]:
        wanted = [scenario for scenario in self._settings.scenarios if scenario.writes == writes]
        return [(scenario, jobs) for scenario in wanted for jobs in self._services]

    def prepare(self, *, writes: bool) -> None:
        """Record the calls of requests to the store; those of writes only if they can be repeated."""
        _report_progress("recording the calls of requests")
        for scenario, jobs in self._measurements(writes=False) + (
            self._measurements(writes=True) if writes else []
        ):
            requests = list(islice(self._services[jobs].requests(scenario), self._settings.sample(scenario)))
            bare = self._stores[jobs].bare(requests, scenario.status)
            self._bare[scenario.name, jobs] = bare
            self.results.trips[scenario.name, jobs] = bare.trips

    def run(self) -> None:
        """Measure reads first, because writes add documents."""
        self._note_memory()
        reads, writes = self._measurements(writes=False), self._measurements(writes=True)
        for number in range(self._settings.rounds):
            _report_progress(f"reads, round {number + 1} of {self._settings.rounds}")
            self._note((scenarios.HELLO.name, 0), self._hello.measure(scenarios.HELLO, self._settings))
            self._round(reads)
        for number in range(self._settings.rounds if writes else 0):
            _report_progress(f"writes, round {number + 1} of {self._settings.rounds}")
            if any((scenario.name, jobs) in self._bare for scenario, jobs in writes):
                waits = scenarios.HELLO_WAITS
                self._note((waits.name, 0), self._hello.measure(waits, self._settings))
            self._round(writes)
        self._note_memory()

    def _round(self, measurements: list[tuple[Scenario, int]]) -> None:
        for scenario, jobs in measurements:
            before = self._stores[jobs].counts()
            self._note((scenario.name, jobs), self._services[jobs].measure(scenario, self._settings))
            self._note_refreshes((scenario.name, jobs), before, self._stores[jobs].counts())
        for scenario, jobs in measurements:
            if bare := self._bare.get((scenario.name, jobs)):
                used = bare.cpu(self._settings.count(scenario), self._settings.bare_connections(scenario))
                self.results.bare.setdefault((scenario.name, jobs), []).append(used)

    def _note(self, name: Name, figures: Figures) -> None:
        self.results.figures.setdefault(name, []).append(figures)

    def _note_refreshes(self, name: Name, before: Counts | None, after: Counts | None) -> None:
        if before and after and after.writes > before.writes:
            each = (after.refreshes - before.refreshes) / (after.writes - before.writes)
            self.results.refreshes.setdefault(name, []).append(each)

    def _note_memory(self) -> None:
        for jobs, target in {0: self._hello, **self._services}.items():
            self.results.memory.setdefault(jobs, []).append(target.server.memory())


def _report_progress(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
