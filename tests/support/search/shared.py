# SPDX-License-Identifier: Apache-2.0
"""The search servers of one pytest run: each starts when the first test needs it, and ends with the run."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.support.left_out import leave_out
from tests.support.search import Failed, Missing
from tests.support.search.cluster import Cluster, Wish
from tests.support.search.node import Node
from tests.support.search.versions import Version, choose

# Use only the fast compiler, which halves the processor time of a start: the servers run for minutes.
_SHORT_LIVED = ("-XX:TieredStopAtLevel=1",)


class SearchServers:
    """Starts servers for tests. If a JDK or Maven is missing, the test is skipped; with ``CI=true`` it fails."""

    def __init__(self) -> None:
        self._temporary: pytest.TempPathFactory | None = None
        self._shared: dict[Version, Cluster] = {}
        self._failed: dict[Version, Failed] = {}
        self._started: list[Cluster] = []
        self._log_sizes: dict[Node, int] = {}
        self._left_out: dict[Version, Missing] = {}

    def open(self, temporary: pytest.TempPathFactory) -> None:
        """Set the directory for configuration, data and logs."""
        self._temporary = temporary

    def server(self, engine: str, version: str, *, secure: bool = False) -> Cluster:
        """Return the server that all tests share. A test must not stop or damage it."""
        chosen = choose(engine, version, secure=secure)
        if chosen in self._failed:
            raise self._failed[chosen]
        if chosen not in self._shared:
            try:
                self._shared[chosen] = self.cluster(engine, version, nodes=1, secure=secure).start()
            except Failed as error:
                self._failed[chosen] = error
                raise
        for node in self._shared[chosen].nodes:
            if not node.alive:
                raise Failed(f"the shared {chosen} has ended: {node.describe_failure()}")
        return self._shared[chosen]

    def named(self, name: str) -> Cluster:
        """Return the shared server with a store's name, such as ``elasticsearch9``."""
        return self.server(name[:-1], name[-1])

    def cluster(
        self,
        engine: str,
        version: str,
        *,
        nodes: int = 3,
        secure: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> Cluster:
        """Return a cluster for one test, which may stop or damage it. ``with`` starts and ends the cluster."""
        assert self._temporary is not None, "the plugin tests.support.fixtures is not loaded"
        chosen = choose(engine, version, secure=secure)
        wish = Wish(engine, version, nodes, secure, settings=settings or {}, jvm=_SHORT_LIVED)
        try:
            if chosen in self._left_out:
                raise self._left_out[chosen]
            cluster = Cluster.make(wish, self._temporary.mktemp(f"{chosen.name}-"))
        except Missing as missing:
            self._left_out[chosen] = missing
            leave_out(f"{chosen}: {missing}")
        self._started.append(cluster)
        return cluster

    def close(self) -> None:
        """Kill all servers."""
        for cluster in self._started:
            with suppress(Failed):
                cluster.kill()
        self._started.clear()
        self._shared.clear()

    def remember_logs(self) -> None:
        """Remember the sizes of the logs at the start of a test."""
        self._log_sizes = {node: _size(node.log) for node in self._nodes()}

    def logged(self) -> list[tuple[str, str]]:
        """Return titles and texts of what the servers have logged since the test began."""
        logged = [(node, node.logged(self._log_sizes.get(node, 0))) for node in self._nodes()]
        return [(f"log of search server {node.log}", text) for node, text in logged if text]

    def _nodes(self) -> list[Node]:
        return [node for cluster in self._started for node in cluster.nodes]


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


SHARED: Final = SearchServers()
