# SPDX-License-Identifier: Apache-2.0
"""The stores that can be measured, with a module for each engine."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from bench.fleet import Fleet, Maker
from bench.floor import Bare
from bench.wire import Request


@dataclass(frozen=True)
class Aims:
    """Upper bounds of the results; mappings have one for each scenario."""

    of_floor: Mapping[str, float]
    """By scenario: CPU time of a request divided by that of the hello-world plus that of its bare calls."""
    of_few_jobs: float
    """CPU time of a polled page in the largest store divided by the time in the smallest store."""
    trips: Mapping[str, float] = field(default_factory=dict)
    """By scenario: calls to the store per request."""
    refreshes: float | None = None
    """Refreshes per write under load."""


@dataclass(frozen=True)
class Counts:
    """Documents written to a store since its creation, and refreshes of its indices."""

    writes: int
    refreshes: int


class Store(Protocol):
    """A store that contains all documents of a measurement."""

    @property
    def fleet(self) -> Fleet: ...

    @property
    def arguments(self) -> Sequence[str]:
        """The arguments of the service that select this store."""

    def bare(self, requests: Sequence[Request], status: int) -> Bare[Any]:
        """Serve each request once, check its ``status``, and return the calls to the store that it makes."""

    def counts(self) -> Counts | None:
        """Return the counters of the store; None if the engine has no refreshes."""


class Engine(Protocol):
    """A kind of store. ``floor``: the name of its bare calls in the report."""

    floor: ClassVar[str]
    floor_of_writes: ClassVar[bool]
    """Whether the bare calls of writes can be repeated and measured."""
    aims: ClassVar[Aims]

    @property
    def versions(self) -> Mapping[str, str]: ...

    def fill(self, maker: Maker, directory: Path) -> Store:
        """Create a store with all documents of the maker, in the directory or on the server of the engine."""


ENGINES = ("sqlite", "elasticsearch", "opensearch", "mariadb", "postgresql")


def opened(name: str, version: str, directory: Path) -> AbstractContextManager[Engine]:
    """Return a context manager that starts the server of the engine and stops it at the end."""
    if name == "sqlite":
        from bench.engines import sqlite

        return sqlite.opened()
    if name in ("mariadb", "postgresql"):
        from bench.engines import database

        return database.opened(name, directory)
    from bench.engines import search

    return search.opened(name, version, directory)
