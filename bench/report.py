# SPDX-License-Identifier: Apache-2.0
"""Results as a table and as JSON."""

import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from statistics import median
from typing import Any, NamedTuple

from bench import scenarios
from bench.engines import Engine
from bench.measure import Figures, Results, Settings

LIBRARIES = ("falcon", "gunicorn", "SQLAlchemy", "elasticsearch", "orjson", "oslo.policy")

MAX_RATIO_TO_V1 = 1.05

_WRITES = frozenset(scenario.name for scenario in scenarios.ALL if scenario.writes)


class Ratio(NamedTuple):
    name: str
    value: float
    aim: float | None


class Report:
    def __init__(self, settings: Settings, engine: Engine, results: Results) -> None:
        self._settings = settings
        self._engine = engine
        self._memory = results.memory
        self._rounds = results.figures
        self._figures = {name: Figures.medians(of) for name, of in results.figures.items()}
        self._bare = {name: median(of) for name, of in results.bare.items()}
        self._trips = results.trips
        self._refreshes = {name: median(of) for name, of in results.refreshes.items()}

    def _ratio(self, name: str, jobs: int) -> float | None:
        """Return the CPU time of a request divided by that of the hello-world and its bare calls."""
        if (name, jobs) not in self._bare:
            return None
        hello = self._figures[_hello_for(name), 0].cpu
        return self._figures[name, jobs].cpu / (hello + self._bare[name, jobs])

    def ratios(self) -> Iterator[Ratio]:
        aims = self._engine.aims
        for name, jobs in self._bare:
            against = f"({_hello_for(name)} + {self._engine.floor})"
            yield Ratio(
                f"{name} at {jobs:,} jobs / {against}", self._ratio(name, jobs) or 0, aims.of_floor.get(name)
            )
        few, many = min(self._settings.jobs), max(self._settings.jobs)
        polls = (scenarios.POLL.name, scenarios.DEEP.name)
        for name in (name for name in polls if (name, many) in self._figures and few != many):
            value = self._figures[name, many].cpu / self._figures[name, few].cpu
            yield Ratio(f"{name} at {many:,} jobs / at {few:,}", value, aims.of_few_jobs)
        for scenario in scenarios.OF_V1:
            for jobs in self._settings.jobs:
                of_v1, of_v2 = ((name, jobs) for name in (scenario.name, scenario.of_v2))
                if of_v1 in self._figures and of_v2 in self._figures:
                    value = self._figures[of_v2].cpu / self._figures[of_v1].cpu
                    yield Ratio(f"{scenario.of_v2} at {jobs:,} jobs / {scenario.name}", value, MAX_RATIO_TO_V1)
        for name, jobs in (key for key in self._trips if key[0] in aims.trips):
            yield Ratio(f"{name} at {jobs:,} jobs, calls to the store", self._trips[name, jobs], aims.trips[name])
        for (name, jobs), refreshes in self._refreshes.items():
            yield Ratio(f"{name} at {jobs:,} jobs, refreshes per write", refreshes, aims.refreshes)

    def as_json(self) -> dict[str, Any]:
        return {
            "machine": self._machine(),
            "settings": {
                "jobs": self._settings.jobs,
                "requests": self._settings.requests,
                "rounds": self._settings.rounds,
                "connections": self._settings.connections,
            },
            "results": [self._result(name, jobs) for name, jobs in self._figures],
            "ratios": [ratio._asdict() for ratio in self.ratios()],
            "memory_bytes": [
                {"jobs": jobs, "at_start": before, "at_end": after}
                for jobs, (before, after) in self._memory.items()
            ],
        }

    def _result(self, name: str, jobs: int) -> dict[str, Any]:
        figures, bare = self._figures[name, jobs], self._bare.get((name, jobs))
        return {
            "scenario": name,
            "jobs": jobs,
            "requests_per_second": round(figures.throughput, 1),
            "p50_ms": _ms(figures.p50),
            "p99_ms": _ms(figures.p99),
            "cpu_ms": _ms(figures.cpu),
            "cpu_ms_by_round": [_ms(one.cpu) for one in self._rounds[name, jobs]],
            f"{self._engine.floor.lower().replace(' ', '_')}_cpu_ms": None if bare is None else _ms(bare),
            "calls_to_the_store": self._trips.get((name, jobs)),
            "refreshes_per_write": self._refreshes.get((name, jobs)),
        }

    def table(self) -> str:
        columns = ("jobs", "req/s", "p50 ms", "p99 ms", "CPU ms", "bare ms", "ratio", "calls")
        heads = f"{'scenario':<14}" + "".join(f"{column:>9}" for column in columns)
        lines = [heads, "-" * len(heads), *(self._line(name, jobs) for name, jobs in self._figures), ""]
        lines += map(_shown, self.ratios())
        for jobs, (before, after) in self._memory.items():
            server = f"{jobs:,} jobs" if jobs else "hello"
            lines.append(f"memory, {server}: {before >> 20} MiB at the start, {after >> 20} MiB at the end")
        facts = self._machine()
        return "\n".join([*lines, "", ", ".join(f"{name} {value}" for name, value in facts.items())])

    def _line(self, name: str, jobs: int) -> str:
        figures, bare, ratio = self._figures[name, jobs], self._bare.get((name, jobs)), self._ratio(name, jobs)
        trips = self._trips.get((name, jobs))
        return (
            f"{name:<14}{f'{jobs:,}' if jobs else '-':>9}{figures.throughput:>9.0f}"
            f"{_ms(figures.p50):>9.2f}{_ms(figures.p99):>9.2f}{_ms(figures.cpu):>9.3f}"
            f"{'' if bare is None else f'{_ms(bare):.3f}':>9}{'' if ratio is None else f'{ratio:.2f}':>9}"
            f"{'' if trips is None else f'{trips:.3g}':>9}"
        )

    def _machine(self) -> dict[str, Any]:
        return {
            "processors": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            **self._engine.versions,
            **{library: version(library) for library in LIBRARIES},
        }


def _hello_for(name: str) -> str:
    return scenarios.HELLO_WAITS.name if name in _WRITES else scenarios.HELLO.name


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 4)


def _shown(ratio: Ratio) -> str:
    if ratio.aim is None:
        return f"{ratio.name}: {ratio.value:.2f}"
    verdict = "met" if ratio.value <= ratio.aim else "MISSED"
    return f"{ratio.name}: {ratio.value:.2f}, aim at most {ratio.aim}: {verdict}"
