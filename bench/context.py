# SPDX-License-Identifier: Apache-2.0
"""The engine, the sizes and the filled stores that measurements share."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench import target
from bench.engines import Engine, Store
from bench.engines.filling import fill
from bench.fleet import Fleet, Maker, Wanted
from bench.target import Target


@dataclass(frozen=True)
class Sizes:
    """Numbers of documents and requests. ``large_documents``: the number of documents of 1 MiB."""

    jobs: tuple[int, ...] = (10_000,)
    requests: int = 500
    rounds: int = 3
    backups: tuple[int, ...] = (10_000, 100_000)
    central_jobs: tuple[int, ...] = (20_000, 100_000)
    members: int = 1000
    herd: int = 1000
    writers: int = 500
    imported: int = 20_000
    large_documents: int = 40


SIZES = {
    "quick": Sizes(
        jobs=(1000,),
        requests=100,
        rounds=1,
        backups=(1000, 10_000),
        central_jobs=(2000,),
        members=100,
        herd=50,
        writers=50,
        imported=2000,
        large_documents=20,
    ),
    "default": Sizes(),
    "large": Sizes(
        jobs=(1000, 10_000, 100_000),
        requests=1000,
        rounds=5,
        backups=(10_000, 100_000, 1_000_000),
        herd=10_000,
        imported=200_000,
        large_documents=100,
    ),
}


class Bench:
    """Creates the stores and servers of the measurements in a directory."""

    def __init__(self, engine: Engine, sizes: Sizes, connections: int, directory: Path) -> None:
        self.engine = engine
        self.sizes = sizes
        self.connections = connections
        self._directory = directory
        self._numbers = count()

    @property
    def is_embedded(self) -> bool:
        """Whether the service itself does the work of the store."""
        return self.engine.name == "sqlite"

    def new_directory(self) -> Path:
        directory = self._directory / str(next(self._numbers))
        directory.mkdir()
        return directory

    def new_store(self) -> Store:
        return self.engine.create(self.new_directory())

    def filled(self, wanted: Wanted) -> tuple[Store, Fleet]:
        """Return a new store with the wanted documents, and their ids."""
        report_progress(f"storing {wanted.jobs:,} jobs, {wanted.backups:,} backups")
        store, maker = self.new_store(), Maker(wanted)
        fill(store, maker)
        return store, maker.fleet

    @contextmanager
    def serving(self, wanted: Wanted, *options: str) -> Iterator[Target]:
        """Start the service on a new store with the wanted documents."""
        store, fleet = self.filled(wanted)
        with target.service(self.engine, store, fleet, self.new_directory(), *options) as running:
            yield running

    @contextmanager
    def hello(self, size: int) -> Iterator[Target]:
        with target.hello(self.engine, self.new_directory(), size) as running:
            yield running


def report_progress(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
