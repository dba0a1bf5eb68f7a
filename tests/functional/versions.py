# SPDX-License-Identifier: Apache-2.0
"""Differences between v1 and v2, for tests that run with both.

In tests with v1, which separates users, all users are in the project ``library``. In tests with v2, which
separates projects, only ``alice`` is in it, and each other user has their own project.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from freezer_api.documents.actions import RETRY_DEFAULTS
from freezer_api.documents.clients import CAPABILITIES

HOME = "library"
"""The project of alice."""


@dataclass(frozen=True)
class Version:
    """A version of the API. ``prefix``: the beginning of paths, with ``{project_id}`` for the caller's project.

    ``adds``: keys that only this version shows, and for each a function that returns whether it can have a value.
    ``lacks``: keys that only v1 shows.
    """

    name: str
    prefix: str
    project_of: Callable[[str], str]
    id_of: Callable[[str], str] = str
    """Return the id of the project with this name."""
    adds: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict)
    lacks: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.name

    def base(self, by: str | None) -> str:
        """Return the prefix of the paths in requests of this caller."""
        return self.prefix.format(project_id=self.id_of(self.place(by or "alice")[1]))

    def place(self, by: str) -> tuple[str, str, str]:
        """Return user, project and roles of ``user``, ``user@project`` or ``user@project role,role``."""
        place, _, roles = by.partition(" ")
        user, _, project = place.partition("@")
        return user, project or self.project_of(user), roles

    def may_add(self, key: str, value: Any) -> bool:
        """Return whether this version adds the key with this value to documents of v1."""
        return key in self.adds and self.adds[key](value)


def _one_of(*values: Any) -> Callable[[Any], bool]:
    return lambda value: any(value == one and type(value) is type(one) for one in values)


V1 = Version("v1", "/v1", lambda _user: HOME)
V2 = Version(
    "v2",
    "/v2/{project_id}",
    lambda user: HOME if user == "alice" else f"{user}s-project",
    adds={
        "project_id": lambda value: isinstance(value, str),
        "status": _one_of("available"),
        "session_id": _one_of(""),
        "session_tag": _one_of(0),
        "description": _one_of("", None),
        "hostname": _one_of(None),
        "is_central": _one_of(False),
        **{name: _one_of(list(values)) for name, values in CAPABILITIES.items()},
        **{name: _one_of(value) for name, value in RETRY_DEFAULTS.items()},
        "result": _one_of(None),
        **dict.fromkeys(("time_start", "time_end", "time_started", "time_ended"), _one_of(-1)),
        "jobs": _one_of({}),
    },
    lacks=frozenset(("user_name", "uuid")),
)

in_v1, in_v2 = (pytest.mark.parametrize("version", [version], ids=str) for version in (V1, V2))
"""Marks for tests that run with one version only."""
