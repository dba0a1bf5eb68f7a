"""The servers of one pytest run: each is started when the first test asks for it, and ends with the run."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.support.left_out import leave_out
from tests.support.search import Failed, Missing
from tests.support.search.cluster import Cluster, Wish
from tests.support.search.given import given
from tests.support.search.node import Node
from tests.support.search.server import Server
from tests.support.search.versions import choose

_Key = tuple[str, str, bool]
# A server that lives for a minute is not worth being optimized: half the processor time of a start.
_SHORT_LIVED = ("-XX:TieredStopAtLevel=1",)


class SearchServers:
    """What tests ask for servers. A test that asks for one that this machine cannot start is skipped, under CI it
    fails.
    """

    def __init__(self) -> None:
        self._temporary: pytest.TempPathFactory | None = None
        self._servers: dict[_Key, Server] | None = None
        self._failed: dict[_Key, Failed] = {}
        self._started: list[Cluster] = []
        self._log_sizes: dict[Node, int] = {}
        self.left_out: dict[str, str] = {}

    def open(self, temporary: pytest.TempPathFactory) -> None:
        """Says where configuration, data and logs go."""
        self._temporary = temporary

    def server(self, engine: str, version: str, *, secure: bool = False) -> Server:
        """The one that all tests share: a given one, or else one started here. Do not harm it."""
        key = (engine, choose(engine, version, secure=secure).major, secure)
        if self._servers is None:
            self._servers = {(known.engine, known.major, known.secure): known for known in reversed(given())}
        if key in self._failed:
            raise self._failed[key]
        if key not in self._servers:
            try:
                self._servers[key] = self._make(Wish(engine, version, secure=secure, jvm=_SHORT_LIVED)).start()
            except Failed as error:
                self._failed[key] = error
                raise
        return self._lives(self._servers[key])

    def named(self, name: str) -> Server:
        """The same by a store's name, such as ``elasticsearch9``."""
        return self.server(name[:-1], name[-1])

    def _lives(self, server: Server) -> Server:
        if isinstance(server, Cluster):
            for node in server.nodes:
                if not node.alive:
                    raise Failed(f"the shared {server.engine} {server.version} has ended: {node.trouble()}")
        return server

    def cluster(
        self,
        engine: str,
        version: str,
        *,
        nodes: int = 3,
        secure: bool = False,
        heap: str = "512m",
        settings: Mapping[str, str] | None = None,
    ) -> Cluster:
        """One for the caller alone, who may do it any harm; end it with `with`. It has not started yet."""
        return self._make(Wish(engine, version, nodes, secure, heap, settings or {}, jvm=_SHORT_LIVED))

    def _make(self, wish: Wish) -> Cluster:
        assert self._temporary is not None, "the plugin tests.support.fixtures is not loaded"
        version = choose(wish.engine, wish.version, secure=wish.secure)
        try:
            if str(version) in self.left_out:
                raise Missing(self.left_out[str(version)])
            cluster = Cluster.make(wish, self._temporary.mktemp(f"{version.name}-"))
        except Missing as missing:
            self.left_out[str(version)] = str(missing)
            leave_out(f"{version}: {missing}")
        self._started.append(cluster)
        return cluster

    def close(self) -> None:
        """Nobody wants the data, so they are killed."""
        for cluster in self._started:
            with suppress(Failed):
                cluster.kill()
        self._started.clear()
        self._servers = None

    def remember_logs(self) -> None:
        """A test begins."""
        self._log_sizes = {node: _size(node.log) for node in self._nodes()}

    def logged(self) -> list[tuple[str, str]]:
        """What the servers have logged since the test began: title and text."""
        said = [(node, node.logged(self._log_sizes.get(node, 0))) for node in self._nodes()]
        return [(f"log of search server {node.log}", text) for node, text in said if text]

    def _nodes(self) -> list[Node]:
        return [node for cluster in self._started for node in cluster.nodes]


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


SHARED: Final = SearchServers()
