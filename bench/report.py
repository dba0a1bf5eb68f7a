"""Results as a table and as JSON."""

import os
import platform
import sqlite3
from collections.abc import Iterator
from importlib.metadata import version
from statistics import median
from typing import Any, NamedTuple

from bench import scenarios
from bench.measure import Figures, Results, Settings

LIBRARIES = ("falcon", "gunicorn", "SQLAlchemy", "orjson", "oslo.policy")
MOST_OF_FLOOR = 2.0
MOST_OF_FEW_JOBS = 1.2
MOST_OF_V1 = 1.05


class Ratio(NamedTuple):
    name: str
    value: float
    aim: float | None


class Report:
    def __init__(self, settings: Settings, results: Results) -> None:
        self._settings = settings
        self._memory = results.memory
        self._rounds = results.figures
        self._figures = {name: Figures.medians(of) for name, of in results.figures.items()}
        self._sql = {name: median(of) for name, of in results.sql.items()}

    def _ratio(self, name: str, jobs: int) -> float | None:
        """CPU of a read over that of the hello-world and the read's bare SQL."""
        if (name, jobs) not in self._sql:
            return None
        hello = self._figures[scenarios.HELLO.name, 0].cpu
        return self._figures[name, jobs].cpu / (hello + self._sql[name, jobs])

    def ratios(self) -> Iterator[Ratio]:
        for name, jobs in self._sql:
            aim = MOST_OF_FLOOR if name in (scenarios.GET.name, scenarios.POLL.name) else None
            yield Ratio(f"{name} at {jobs:,} jobs / (hello + bare SQL)", self._ratio(name, jobs) or 0, aim)
        few, many = min(self._settings.jobs), max(self._settings.jobs)
        polls = (scenarios.POLL.name, scenarios.DEEP.name)
        for name in (name for name in polls if (name, many) in self._figures and few != many):
            value = self._figures[name, many].cpu / self._figures[name, few].cpu
            yield Ratio(f"{name} at {many:,} jobs / at {few:,}", value, MOST_OF_FEW_JOBS)
        for scenario in scenarios.OF_V1:
            for jobs in self._settings.jobs:
                of_v1, of_v2 = ((name, jobs) for name in (scenario.name, scenario.of_v2))
                if of_v1 in self._figures and of_v2 in self._figures:
                    value = self._figures[of_v2].cpu / self._figures[of_v1].cpu
                    yield Ratio(f"{scenario.of_v2} at {jobs:,} jobs / {scenario.name}", value, MOST_OF_V1)

    def as_json(self) -> dict[str, Any]:
        return {
            "machine": _machine(),
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
        figures, sql = self._figures[name, jobs], self._sql.get((name, jobs))
        return {
            "scenario": name,
            "jobs": jobs,
            "requests_per_second": round(figures.throughput, 1),
            "p50_ms": _ms(figures.p50),
            "p99_ms": _ms(figures.p99),
            "cpu_ms": _ms(figures.cpu),
            "cpu_ms_by_round": [_ms(one.cpu) for one in self._rounds[name, jobs]],
            "bare_sql_cpu_ms": None if sql is None else _ms(sql),
        }

    def table(self) -> str:
        columns = ("jobs", "req/s", "p50 ms", "p99 ms", "CPU ms", "SQL ms", "ratio")
        heads = f"{'scenario':<13}" + "".join(f"{column:>9}" for column in columns)
        lines = [heads, "-" * len(heads), *(self._line(name, jobs) for name, jobs in self._figures), ""]
        lines += map(_shown, self.ratios())
        for jobs, (before, after) in self._memory.items():
            server = f"{jobs:,} jobs" if jobs else "hello"
            lines.append(f"memory, {server}: {before >> 20} MiB at the start, {after >> 20} MiB at the end")
        facts = _machine()
        return "\n".join([*lines, "", ", ".join(f"{name} {value}" for name, value in facts.items())])

    def _line(self, name: str, jobs: int) -> str:
        figures, sql, ratio = self._figures[name, jobs], self._sql.get((name, jobs)), self._ratio(name, jobs)
        return (
            f"{name:<13}{f'{jobs:,}' if jobs else '-':>9}{figures.throughput:>9.0f}"
            f"{_ms(figures.p50):>9.2f}{_ms(figures.p99):>9.2f}{_ms(figures.cpu):>9.3f}"
            f"{'' if sql is None else f'{_ms(sql):.3f}':>9}{'' if ratio is None else f'{ratio:.2f}':>9}"
        )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 4)


def _shown(ratio: Ratio) -> str:
    if ratio.aim is None:
        return f"{ratio.name}: {ratio.value:.2f}"
    verdict = "met" if ratio.value <= ratio.aim else "MISSED"
    return f"{ratio.name}: {ratio.value:.2f}, aim at most {ratio.aim}: {verdict}"


def _machine() -> dict[str, Any]:
    return {
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **{library: version(library) for library in LIBRARIES},
    }
