# SPDX-License-Identifier: Apache-2.0
"""The stores that can be measured, with a module for each engine."""

from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from bench.floor import Bare
from bench.wire import Request
from freezer_api.documents.kind import Kind
from freezer_api.repository.protocol import Repository


@dataclass(frozen=True)
class Aims:
    """Upper bounds of results, by scenario."""

    of_floor: Mapping[str, float]
    """By scenario: CPU time of a request divided by that of the hello-world plus that of its bare calls."""
    trips: Mapping[str, float] = field(default_factory=dict)
    """By scenario: calls to the store per request."""
    refreshes: float | None = None
    """Upper bound of refreshes per write under load."""


@dataclass(frozen=True)
class Counts:
    """Documents written to a store since its creation, and refreshes of its indices."""

    writes: int
    refreshes: int


class Store(Hashable, Protocol):
    """A store of the service."""

    @property
    def arguments(self) -> Sequence[str]:
        """The arguments of the service and of ``freezer-manage`` that select this store."""

    def open(self) -> Repository:
        """Return a repository, also in another process to which the store was sent."""

    def settle(self) -> None:
        """Bring the store into the state of normal operation after it was filled."""

    def bare(self, requests: Sequence[Request], status: int, *, writes: bool) -> Bare[Any] | None:
        """Serve each request once, check its ``status``, and return its calls to the store.

        Return None if the calls cannot be repeated. ``writes``: whether the requests change documents.
        """

    def counts(self) -> Counts | None:
        """Return the counters of the store; None if the engine has no refreshes."""

    def size(self) -> int | None:
        """Return the size of the store on disk in bytes; None if it cannot be determined for this store alone."""

    def rewrite(self, kind: Kind, keys: Sequence[str]) -> float | None:
        """Write these documents unchanged by one bare call. Return the seconds, None if that is not possible."""


class Engine(Protocol):
    """A kind of store. ``floor``: the name of its bare calls in the report."""

    floor: ClassVar[str]
    waits: ClassVar[bool]
    """Whether writes wait for a refresh."""
    aims: ClassVar[Aims]

    @property
    def name(self) -> str: ...

    @property
    def versions(self) -> Mapping[str, str]: ...

    def create(self, directory: Path) -> Store:
        """Create an empty store in the directory, or on the engine's server."""

    def cpu(self) -> float:
        """Return the CPU seconds of the engine's server, 0 if it has none."""


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
