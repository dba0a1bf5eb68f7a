# SPDX-License-Identifier: Apache-2.0
"""Measure the cost of requests to a running service or hello-world."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Self

from bench.engines import Engine, Store
from bench.fleet import Fleet
from bench.scenarios import Scenario
from bench.servers import HELLO, SERVICE, Server, running
from bench.wire import Request, run

WORKERS = 2
HELLO_CPU_MS = 0.15
"""The milliseconds of the hello-world on the machine on which the goals of CPU time were set."""


@dataclass(frozen=True)
class Figures:
    """Requests per second, and seconds per request. ``cpu`` is of the service, ``all_cpu`` also of the store."""

    throughput: float
    p50: float
    p99: float
    cpu: float
    all_cpu: float

    @classmethod
    def medians(cls, of: Sequence[Self]) -> Self:
        return cls(*(median(getattr(one, name) for one in of) for name in cls.__dataclass_fields__))


class Target:
    """A server, the store behind it, and the documents that requests name."""

    def __init__(self, server: Server, engine: Engine, store: Store | None, fleet: Fleet) -> None:
        self.server = server
        self.store = store
        self.fleet = fleet
        self._engine = engine
        self._requests: dict[str, Iterator[Request]] = {}

    def requests(self, scenario: Scenario) -> Iterator[Request]:
        """Return the iterator of the scenario, which continues where the last measurement ended."""
        if scenario.name not in self._requests:
            self._requests[scenario.name] = scenario.requests(self.fleet)
        return self._requests[scenario.name]

    def measure(self, scenario: Scenario, count: int, connections: int) -> Figures:
        """Send requests of the scenario, after some that warm up."""
        requests = self.requests(scenario)
        run(self.server.port, connections, requests, warm_up(count, connections), scenario.status)
        return self.cost(requests, count, connections, scenario.status)

    def cost(self, requests: Iterator[Request], count: int, connections: int, status: int) -> Figures:
        """Send ``count`` requests, which have to be answered with ``status``, and return the figures."""
        cpu, store_cpu, begun = self.server.cpu(), self._engine.cpu(), perf_counter()
        answers = run(self.server.port, connections, requests, count, status)
        seconds, used = perf_counter() - begun, (self.server.cpu() - cpu) / count
        all_used = used + (self._engine.cpu() - store_cpu) / count
        taken = [answer.seconds for answer in answers]
        p99 = quantiles(taken, n=100)[98] if count > 1 else taken[0]
        return Figures(count / seconds, median(taken), p99, used, all_used)


def warm_up(count: int, connections: int) -> int:
    """Return the number of requests before a measurement of ``count``."""
    return max(count // 10, connections)


@contextmanager
def service(engine: Engine, store: Store, fleet: Fleet, directory: Path, *options: str) -> Iterator[Target]:
    """Start the service on the store."""
    command = (*SERVICE, "--workers", str(WORKERS), *store.arguments, *options)
    with running(command, directory / "service.log") as server:
        yield Target(server, engine, store, fleet)


@contextmanager
def hello(engine: Engine, directory: Path, size: int) -> Iterator[Target]:
    """Start the hello-world, whose response has ``size`` bytes."""
    with running((*HELLO, str(size)), directory / "hello.log") as server:
        yield Target(server, engine, None, Fleet())
