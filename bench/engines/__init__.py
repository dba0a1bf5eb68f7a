"""What the service keeps documents in while it is measured: a module for each engine."""

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
    """At most so much, by scenario where they differ."""

    of_floor: Mapping[str, float]
    """CPU of a request over that of the hello-world and the bare calls."""
    of_few_jobs: float
    """CPU of a polled page in the largest store over that in the smallest."""
    trips: Mapping[str, float] = field(default_factory=dict)
    """Calls to the store per request."""
    refreshes: float | None = None
    """Per write under load."""


@dataclass(frozen=True)
class Counts:
    """Of a store since it was made: documents written, and how often they were made visible to searches."""

    writes: int
    refreshes: int


class Store(Protocol):
    """A store with a fleet."""

    @property
    def fleet(self) -> Fleet: ...

    @property
    def arguments(self) -> Sequence[str]:
        """By which the service uses it."""

    def bare(self, requests: Sequence[Request], status: int) -> Bare[Any]:
        """What these requests ask of it. Each is made once, and has to be answered with ``status``."""

    def counts(self) -> Counts | None:
        """None where nothing has to be made visible."""


class Engine(Protocol):
    """``floor``: what the bare calls are called."""

    floor: ClassVar[str]
    floor_of_writes: ClassVar[bool]
    """Whether the calls of writes can be made once more."""
    aims: ClassVar[Aims]

    @property
    def versions(self) -> Mapping[str, str]: ...

    def fill(self, maker: Maker, directory: Path) -> Store:
        """A new store in this directory, or on the engine's server, with all that the maker makes."""


ENGINES = ("sqlite", "elasticsearch", "opensearch", "mariadb", "postgresql")


def opened(name: str, version: str, directory: Path) -> AbstractContextManager[Engine]:
    """The engine; a server that it needs is started and ends with it."""
    if name == "sqlite":
        from bench.engines import sqlite

        return sqlite.opened()
    if name in ("mariadb", "postgresql"):
        from bench.engines import database

        return database.opened(name, directory)
    from bench.engines import search

    return search.opened(name, version, directory)
