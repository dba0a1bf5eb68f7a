# SPDX-License-Identifier: Apache-2.0
"""Show results with their floors and goals, as a table and as JSON."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any

LIBRARIES = ("falcon", "gunicorn", "SQLAlchemy", "elasticsearch", "orjson", "oslo.policy")

_COLUMNS = ("measured", "floor", "goal", "reached")


@dataclass(frozen=True)
class Row:
    """One result.

    ``floor``: the cost of the same work without the service, in the same unit. ``goal``: the maximum, or the
    minimum with ``at_least``. ``measured`` is None if it cannot be measured; ``note`` then has the reason.
    ``details`` are only in the JSON.
    """

    case: str
    name: str
    unit: str
    measured: float | None
    floor: float | None = None
    goal: float | None = None
    at_least: bool = False
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reached(self) -> bool | None:
        if self.goal is None:
            return None
        if self.measured is None:
            return False
        return self.measured >= self.goal if self.at_least else self.measured <= self.goal


def table(rows: Sequence[Row]) -> str:
    """Return the rows of one case as text."""
    width = max(len(_title(row)) for row in rows)
    lines = [f"{rows[0].case:-<{width}}" + "".join(f"{column:->11}" for column in _COLUMNS)]
    for row in rows:
        sign = ">=" if row.at_least else "<="
        goal = "" if row.goal is None else f"{sign} {_shown(row.goal)}"
        reached = {None: "", True: "yes", False: "NO"}[row.reached]
        cells = (_shown(row.measured), _shown(row.floor), goal, reached)
        note = f"  {row.note}" if row.note else ""
        lines.append(f"{_title(row):<{width}}" + "".join(f"{cell:>11}" for cell in cells) + note)
    return "\n".join([*lines, ""])


def as_json(rows: Sequence[Row], machine: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    results = [{**asdict(row), "reached": row.reached} for row in rows]
    return {"machine": dict(machine), "settings": dict(settings), "results": results}


def machine(versions: Mapping[str, str]) -> dict[str, Any]:
    """Return the properties of this machine on which the results depend."""
    return {
        "processors": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **versions,
        **{library: version(library) for library in LIBRARIES},
    }


def _title(row: Row) -> str:
    return f"{row.name} [{row.unit}]"


def _shown(value: float | None) -> str:
    """Return the value with three significant digits."""
    if value is None:
        return "-"
    digits = max(0, 2 - len(str(int(abs(value)))) + 1) if abs(value) >= 1 else 3
    return f"{value:,.{digits}f}"
