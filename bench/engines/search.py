# SPDX-License-Identifier: Apache-2.0
"""Elasticsearch and OpenSearch, on an existing server or on one that is started for the run."""

import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bench import floor, scenarios
from bench.engines import Aims, Counts, bare_client
from bench.engines.place import Noting, Place
from bench.floor import Bare
from bench.wire import Request
from freezer_api.documents.kind import Kind
from freezer_api.repository.elastic.repository import ElasticRepository
from freezer_api.repository.elastic.transport import Connection
from freezer_api.repository.protocol import Repository
from tests.support.search.cluster import Cluster, Wish
from tests.support.search.versions import VERSIONS

URLS = {"elasticsearch": "FREEZER_BENCH_ES_URL", "opensearch": "FREEZER_BENCH_OPENSEARCH_URL"}
"""Environment variables with the URL of an existing server."""
HEAP = "1g"

_HOT = (scenarios.GET_JOB, scenarios.POLL, scenarios.CREATE_BACKUP)


@dataclass(frozen=True)
class Search:
    """A search server. Closing ``stores`` removes the stores on it."""

    name: str
    url: str
    versions: Mapping[str, str]
    stores: ExitStack
    floor: ClassVar = "bare client"
    waits: ClassVar = True
    aims: ClassVar = Aims(
        of_floor={scenario.name: 1.5 for scenario in _HOT},
        trips={scenario.name: 1.0 for scenario in scenarios.ONE_CALL},
        refreshes=0.99,
    )

    def create(self, directory: Path) -> "Indices":
        directory.mkdir(exist_ok=True)
        place = Place(self.url, f"bench{uuid.uuid4().hex}")
        self.stores.callback(place.remove)
        place.make()
        return Indices(self.name, place, directory / "bench.conf")

    def cpu(self) -> float:
        with bare_client.client(Place(self.url, ""), self.name) as client:
            nodes = client.nodes.stats(metric="process")["nodes"].values()
        return float(sum(node["process"]["cpu"]["total_in_millis"] for node in nodes)) / 1000


@dataclass(frozen=True)
class Indices:
    """A store in indices."""

    engine: str
    place: Place
    configuration: Path

    @property
    def arguments(self) -> Sequence[str]:
        self.configuration.write_text(f"[elasticsearch]\nhosts = {self.place.url}\nindex = {self.place.prefix}\n")
        return "--config-file", str(self.configuration)

    def open(self) -> Repository:
        return ElasticRepository(self.place.connect(Connection), self.place.prefix)

    def settle(self) -> None:
        """Wait until all documents are on the disk and no merge is running."""
        with bare_client.client(self.place, self.engine) as client:
            client.indices.refresh(index=self._pattern)
            client.indices.flush(index=self._pattern)
        while self._stats("merge")["merges"]["current"]:
            time.sleep(0.5)

    @property
    def _pattern(self) -> str:
        return f"{self.place.prefix}-*"

    def _stats(self, *metrics: str) -> dict[str, Any]:
        with bare_client.client(self.place, self.engine) as client:
            stats = client.indices.stats(index=self._pattern, metric=metrics)
        primaries: dict[str, Any] = stats["_all"]["primaries"]
        return primaries

    def bare(
        self,
        requests: Sequence[Request],
        status: int,
        *,
        writes: bool,  # noqa: ARG002 - creations are repeated
    ) -> Bare[bare_client.Call]:
        connection = self.place.connect(Noting)
        with closing(ElasticRepository(connection, self.place.prefix)) as repository:
            heard = list(floor.calls(repository, connection.noted, requests, status))
        asked = [[bare_client.call(*call) for call in calls] for calls in heard]
        return Bare(asked, lambda: bare_client.opened(self.place, self.engine))

    def counts(self) -> Counts:
        primaries = self._stats("refresh", "indexing")
        return Counts(primaries["indexing"]["index_total"], primaries["refresh"]["total"])

    def size(self) -> int:
        self.settle()
        return int(self._stats("store")["store"]["size_in_bytes"])

    def rewrite(self, kind: Kind, keys: Sequence[str]) -> float:
        index = f"{self.place.prefix}-{kind.name}"
        found = bare_client.Call("mget", {"index": index, "ids": list(keys)})
        with bare_client.opened(self.place, self.engine) as make:
            documents: Any = make(found)
            lines: list[dict[str, Any]] = []
            for hit in documents["docs"]:
                lines += [{"index": {"_index": hit["_index"], "_id": hit["_id"]}}, hit["_source"]]
            begun = time.perf_counter()
            make(bare_client.Call("bulk", {"operations": lines, "refresh": "wait_for"}))
            return time.perf_counter() - begun


@contextmanager
def opened(name: str, version: str, directory: Path) -> Iterator[Search]:
    """Return the server in the environment variable of the engine (``URLS``), or start one of this version."""
    with ExitStack() as stack:
        url = os.environ.get(URLS[name], "")
        if not url:
            newest = max(known.major for known in VERSIONS if known.engine == name)
            cluster = Cluster.make(Wish(name, version or newest, heap=HEAP), directory)
            url = stack.enter_context(cluster).url
        with bare_client.client(Place(url, ""), name) as client:
            number = client.info()["version"]["number"]
        yield Search(name, url, {f"{name} server": number}, stack.enter_context(ExitStack()))
