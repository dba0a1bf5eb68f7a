"""The measuring itself: all servers stand side by side, and every scenario goes to each of them in turn.

What else the machine does meanwhile meets all of them alike; of the rounds the median counts.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Self

from bench import fleet, floor, scenarios
from bench.scenarios import Scenario
from bench.servers import HELLO, SERVICE, Server, running
from bench.wire import Load, Request, ask

WRITES = 5
"""So many times fewer requests where each has to reach the disk."""
WARM_UP = 10
"""So many times fewer requests before each measurement."""


@dataclass(frozen=True)
class Settings:
    jobs: tuple[int, ...]
    requests: int
    rounds: int
    connections: int
    scenarios: tuple[Scenario, ...]

    def count(self, scenario: Scenario) -> int:
        """Requests of one measurement."""
        return max(self.requests // (WRITES if scenario.writes else 1), self.connections)

    def warm_up(self, scenario: Scenario) -> int:
        return max(self.count(scenario) // WARM_UP, self.connections)

    def in_all(self, scenario: Scenario) -> int:
        return (self.count(scenario) + self.warm_up(scenario)) * self.rounds


@dataclass(frozen=True)
class Figures:
    """Per second, and seconds per request."""

    throughput: float
    p50: float
    p99: float
    cpu: float

    @classmethod
    def medians(cls, of: Sequence[Self]) -> Self:
        return cls(*(median(getattr(one, name) for one in of) for name in cls.__dataclass_fields__))


class Target:
    """A server, with the requests for it."""

    def __init__(self, server: Server, stored: fleet.Fleet) -> None:
        self.server = server
        self._fleet = stored
        self._requests: dict[str, Iterator[bytes]] = {}

    def requests(self, scenario: Scenario) -> Iterator[bytes]:
        """They go on where the last round ended."""
        if scenario.name not in self._requests:
            self._requests[scenario.name] = (request.raw() for request in scenario.requests(self._fleet))
        return self._requests[scenario.name]

    def measure(self, scenario: Scenario, settings: Settings) -> Figures:
        requests, count = self.requests(scenario), settings.count(scenario)
        with Load(self.server.port, settings.connections) as load:
            load.run(requests, settings.warm_up(scenario), scenario.status)
            cpu, begun = self.server.cpu(), perf_counter()
            taken = load.run(requests, count, scenario.status)
            seconds, used = perf_counter() - begun, self.server.cpu() - cpu
        return Figures(count / seconds, median(taken), quantiles(taken, n=100)[98], used / count)


@dataclass
class Results:
    """By scenario and number of jobs; ``sql`` in CPU seconds per request, ``memory`` in bytes before and after."""

    figures: dict[tuple[str, int], list[Figures]] = field(default_factory=dict)
    sql: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    memory: dict[int, list[int]] = field(default_factory=dict)


def measured(settings: Settings, directory: Path) -> Results:
    """Fill the stores, start the servers, measure, stop the servers."""
    start = scenarios.START
    sessions = settings.in_all(start) if start in settings.scenarios else 0
    stores = {}
    for jobs in settings.jobs:
        _say(f"storing {jobs:,} jobs")
        stores[jobs] = fleet.store(directory / str(jobs), jobs, sessions)
    with ExitStack() as stack:
        services = {
            jobs: Target(stack.enter_context(_service(directory, jobs)), stored)
            for jobs, (_, stored) in stores.items()
        }
        size = _size_of_get(services[settings.jobs[0]].server, stores[settings.jobs[0]][1])
        hello = stack.enter_context(running((*HELLO, str(size)), directory / "hello.log"))
        bench = _Bench(settings, Target(hello, fleet.Fleet()), services)
        bench.sql = {(scenario.name, jobs): _sql(scenario, *stores[jobs]) for scenario, jobs in bench.reads}
        bench.run()
        return bench.results


def _service(directory: Path, jobs: int) -> AbstractContextManager[Server]:
    # An empty file, lest the user's own configuration counts.
    configuration = directory / "bench.conf"
    configuration.touch()
    command = (*SERVICE, "--data-dir", str(directory / str(jobs)), "--config-file", str(configuration))
    return running(command, directory / f"{jobs}.log")


def _size_of_get(server: Server, stored: fleet.Fleet) -> int:
    return len(ask(server.port, next(scenarios.GET.requests(stored))))


def _sql(scenario: Scenario, path: Path, stored: fleet.Fleet) -> "_Bare":
    requests: list[Request] = list(islice(scenario.requests(stored), scenarios.SAMPLE))
    return _Bare(path, floor.statements(path, requests))


@dataclass(frozen=True)
class _Bare:
    path: Path
    statements: list[floor.Statements]


class _Bench:
    def __init__(self, settings: Settings, hello: Target, services: dict[int, Target]) -> None:
        self._settings = settings
        self._hello = hello
        self._services = services
        self.sql: dict[tuple[str, int], _Bare] = {}
        self.results = Results()

    @property
    def reads(self) -> list[tuple[Scenario, int]]:
        return self._measurements(writes=False)

    def _measurements(self, *, writes: bool) -> list[tuple[Scenario, int]]:
        wanted = [scenario for scenario in self._settings.scenarios if scenario.writes == writes]
        return [(scenario, jobs) for scenario in wanted for jobs in self._services]

    def run(self) -> None:
        """Reads first: writes add to what is stored."""
        self._note_memory()
        for number in range(self._settings.rounds):
            _say(f"reads, round {number + 1} of {self._settings.rounds}")
            self._note((scenarios.HELLO.name, 0), self._hello.measure(scenarios.HELLO, self._settings))
            self._round(self.reads)
            for name, bare in self.sql.items():
                used = floor.cpu(bare.path, bare.statements, self._settings.requests)
                self.results.sql.setdefault(name, []).append(used)
        writes = self._measurements(writes=True)
        for number in range(self._settings.rounds if writes else 0):
            _say(f"writes, round {number + 1} of {self._settings.rounds}")
            self._round(writes)
        self._note_memory()

    def _round(self, measurements: list[tuple[Scenario, int]]) -> None:
        for scenario, jobs in measurements:
            self._note((scenario.name, jobs), self._services[jobs].measure(scenario, self._settings))

    def _note(self, name: tuple[str, int], figures: Figures) -> None:
        self.results.figures.setdefault(name, []).append(figures)

    def _note_memory(self) -> None:
        for jobs, target in {0: self._hello, **self._services}.items():
            self.results.memory.setdefault(jobs, []).append(target.server.memory())


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
