# SPDX-License-Identifier: Apache-2.0
"""The stores that are measured, a module for each engine."""

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
    """Upper bounds of results, by scenario where they differ."""

    of_floor: Mapping[str, float]
    """CPU time of a request divided by that of the hello-world and the bare calls."""
    of_few_jobs: float
    """CPU time of a polled page in the largest store divided by that in the smallest."""
    trips: Mapping[str, float] = field(default_factory=dict)
    """Calls to the store per request."""
    refreshes: float | None = None
    """Refreshes per write under load."""


@dataclass(frozen=True)
class Counts:
    """Documents written to a store since its creation, and refreshes of its indices."""

    writes: int
    refreshes: int


class Store(Protocol):
    """A filled store."""

    @property
    def fleet(self) -> Fleet: ...

    @property
    def arguments(self) -> Sequence[str]:
        """The arguments of the service that select this store."""

    def bare(self, requests: Sequence[Request], status: int) -> Bare[Any]:
        """Serve each request once, check its ``status``, and return its calls to the store."""

    def counts(self) -> Counts | None:
        """Return the counters of the store, None if it has no refreshes."""


class Engine(Protocol):
    """A kind of store. ``floor`` is the name of its bare calls in the report."""

    floor: ClassVar[str]
    floor_of_writes: ClassVar[bool]
    """Whether the calls of writes can be repeated."""
    aims: ClassVar[Aims]

    @property
    def versions(self) -> Mapping[str, str]: ...

    def fill(self, maker: Maker, directory: Path) -> Store:
        """Create a store in the directory, or on the engine's server, with all documents of the maker."""


ENGINES = ("sqlite", "elasticsearch", "opensearch", "mariadb", "postgresql")


def opened(name: str, version: str, directory: Path) -> AbstractContextManager[Engine]:
    """Return a context with the engine, which starts the engine's server and stops it at the end."""
    if name == "sqlite":
        from bench.engines import sqlite

        return sqlite.opened()
    if name in ("mariadb", "postgresql"):
        from bench.engines import database

        return database.opened(name, directory)
    from bench.engines import search

    return search.opened(name, version, directory)
