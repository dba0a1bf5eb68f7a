# SPDX-License-Identifier: Apache-2.0
"""Elasticsearch and OpenSearch, on an existing server or on one that is started for the run."""

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench import floor, scenarios
from bench.engines import Aims, Counts, bare_client, filling
from bench.engines.place import Noting, Place
from bench.fleet import Fleet, Maker
from bench.floor import Bare
from bench.wire import Request
from freezer_api.repository.elastic.repository import ElasticRepository
from freezer_api.repository.elastic.transport import Connection
from tests.support.search.cluster import Cluster, Wish

URLS = {"elasticsearch": "FREEZER_BENCH_ES_URL", "opensearch": "FREEZER_BENCH_OPENSEARCH_URL"}
"""Environment variables with the URL of an existing server."""
HEAP = "1g"

_READS = (scenarios.GET, scenarios.LIST, scenarios.POLL, scenarios.DEEP)
_HOT = (scenarios.GET, scenarios.POLL, scenarios.CREATE_BACKUP)


@dataclass(frozen=True)
class Search:
    """A search server. Closing ``stores`` removes the stores on it."""

    name: str
    url: str
    versions: Mapping[str, str]
    stores: ExitStack
    floor: ClassVar = "bare client"
    floor_of_writes: ClassVar = True
    aims: ClassVar = Aims(
        of_floor={scenario.name: 1.5 for scenario in _HOT},
        of_few_jobs=1.5,
        trips={scenario.name: 1.0 for scenario in (*_READS, scenarios.CREATE_BACKUP)},
        refreshes=0.99,
    )

    def fill(self, maker: Maker, directory: Path) -> "Filled":
        directory.mkdir()
        place = Place(self.url, f"bench{uuid.uuid4().hex}")
        self.stores.callback(place.remove)
        filling.fill(place, maker)
        return Filled(maker.fleet, self.name, place, directory / "bench.conf")


@dataclass(frozen=True)
class Filled:
    """Indices that contain all documents of a measurement."""

    fleet: Fleet
    engine: str
    place: Place
    configuration: Path

    @property
    def arguments(self) -> Sequence[str]:
        self.configuration.write_text(f"[elasticsearch]\nhosts = {self.place.url}\nindex = {self.place.prefix}\n")
        return "--config-file", str(self.configuration)

    def bare(self, requests: Sequence[Request], status: int) -> Bare[bare_client.Call]:
        connection = self.place.connect(Noting)
        with closing(ElasticRepository(connection, self.place.prefix)) as repository:
            heard = list(floor.calls(repository, connection.noted, requests, status))
        asked = [[bare_client.call(*call) for call in calls] for calls in heard]
        return Bare(asked, lambda: bare_client.opened(self.place, self.engine))

    def counts(self) -> Counts:
        with closing(self.place.connect(Connection)) as connection:
            stats = connection.call("GET", f"/{self.place.prefix}-*/_stats/refresh,indexing").body
        primaries = stats["_all"]["primaries"]
        return Counts(primaries["indexing"]["index_total"], primaries["refresh"]["total"])


@contextmanager
def opened(name: str, version: str, directory: Path) -> Iterator[Search]:
    """Return the server in the environment variable of the engine (``URLS``), or start one of this version."""
    with ExitStack() as stack:
        url = os.environ.get(URLS[name], "")
        if not url:
            cluster = Cluster.make(Wish(name, version, heap=HEAP), directory)
            url = stack.enter_context(cluster).url
        with closing(Place(url, "").connect(Connection)) as connection:
            number = connection.call("GET", "/").body["version"]["number"]
        yield Search(name, url, {f"{name} server": number}, stack.enter_context(ExitStack()))
