# SPDX-License-Identifier: Apache-2.0
"""Clusters of one node or several, with one process for each node."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.support.search import Failed, jdk, security
from tests.support.search.assembly import assembled
from tests.support.search.node import Node, free_ports
from tests.support.search.server import Access, Server
from tests.support.search.versions import Version, choose

_JVM = (
    "-XX:+ExitOnOutOfMemoryError -Dfile.encoding=UTF-8 -Des.networkaddress.cache.ttl=60"
    " -Dlog4j.shutdownHookEnabled=false -Dlog4j2.disable.jmx=true -Dio.netty.noUnsafe=true"
    " -Dio.netty.noKeySetOptimization=true -Dio.netty.recycler.maxCapacityPerThread=0"
)
_LOG4J = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
"""


@dataclass(frozen=True)
class Wish:
    """The server to start: a major or exact version, and further settings of the nodes."""

    engine: str
    version: str
    nodes: int = 1
    secure: bool = False
    heap: str = "512m"
    settings: Mapping[str, str] = field(default_factory=dict)
    jvm: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cluster(Server):
    """A cluster of one node or several. Each action applies to the given nodes, or to all nodes."""

    nodes: tuple[Node, ...]

    @classmethod
    def make(cls, wish: Wish, folder: Path) -> Self:
        """Prepare the nodes without starting their processes."""
        version = choose(wish.engine, wish.version, secure=wish.secure)
        java = jdk.find(version)
        home = assembled(version, java)
        folder.mkdir(parents=True, exist_ok=True)
        access = security.make_access(folder, java) if wish.secure else Access()
        nodes = tuple(_nodes(wish, folder, access, _command(version, java, home, wish)))
        return cls(wish.engine, version.exact, tuple(node.url for node in nodes), access, nodes)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, *nodes: Node, timeout: float = 300) -> Self:
        """Start the nodes that are not running, with their former ports and data, and wait until they answer."""
        chosen = nodes or self.nodes
        try:
            for node in chosen:
                if not node.alive:
                    node.launch()
            self.wait(*chosen, timeout=timeout)
            for node in chosen:
                # Make the server throw its first exception in one thread. If several threads of a JVM throw the
                # first ones at the same time, as after a pause under load, their class initializers deadlock.
                self.access.request("GET", f"{node.url}/missing-index")
        except BaseException:
            for node in chosen:
                node.kill()
            raise
        return self

    def wait(self, *nodes: Node, timeout: float = 300) -> None:
        """Wait until the nodes answer and the cluster is healthy with all nodes that run."""
        deadline = time.monotonic() + timeout
        running = [node for node in self.nodes if node.alive or node in nodes]
        for node in nodes or running:
            while not self._is_healthy(node, len(running)):
                if not node.alive:
                    raise Failed(f"{self.engine} {self.version} {node.name} ended: {node.describe_failure()}")
                if time.monotonic() > deadline:
                    late = f"{node.name} is not ready after {timeout:g} s"
                    raise Failed(f"{self.engine} {self.version} {late}: {node.describe_failure()}")
                time.sleep(0.1)

    def _is_healthy(self, node: Node, number: int) -> bool:
        try:
            status, health = self.access.request("GET", f"{node.url}/_cluster/health?timeout=1s", timeout=30)
        except (OSError, ValueError):
            return False
        return status == 200 and health["status"] != "red" and health["number_of_nodes"] == number

    def stop(self, *nodes: Node) -> None:
        """Send SIGTERM and wait; send SIGKILL to nodes that are still running after half a minute."""
        for node in nodes or self.nodes:
            node.send_sigterm()
        for node in nodes or self.nodes:
            node.stop()

    def kill(self, *nodes: Node) -> None:
        """Send SIGKILL."""
        for node in nodes or self.nodes:
            node.kill()

    def pause(self, *nodes: Node) -> None:
        """Send SIGSTOP."""
        for node in nodes or self.nodes:
            node.pause()

    def resume(self, *nodes: Node) -> None:
        """Send SIGCONT."""
        for node in nodes or self.nodes:
            node.resume()

    def master(self, timeout: float = 120) -> Node:
        """Wait until all nodes that answer name the same master, and return that node."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            named = {node: name for node in self.nodes if (name := self._master_as_seen_by(node)) is not None}
            for node in named:
                if set(named.values()) == {node.name}:
                    return node
            time.sleep(0.05)
        raise Failed(f"{self.engine} {self.version}: the nodes do not agree on a master within {timeout:g} s")

    def _master_as_seen_by(self, node: Node) -> str | None:
        """Return the name of the master that the node reports: empty if none, None if the node does not answer."""
        try:
            status, answer = self.access.request("GET", f"{node.url}/_nodes/_master/http?timeout=1s", timeout=2)
        except (OSError, ValueError):
            return None
        return "".join(known["name"] for known in answer["nodes"].values()) if status == 200 else ""


def _command(version: Version, java: jdk.Jdk, home: Path, wish: Wish) -> list[str]:
    options = [f"-Xms{wish.heap}", f"-Xmx{wish.heap}", *_JVM.split(), *wish.jvm]
    if java.major >= 21:
        options.append("--enable-native-access=ALL-UNNAMED")
    main = ["-cp", f"{home}/classes:{home}/lib/*", "NodeMain", f"org.{version.engine}", str(home)]
    return [java.tool("java"), *options, *main]


def _nodes(wish: Wish, folder: Path, access: Access, command: list[str]) -> Iterable[Node]:
    ports = free_ports(2 * wish.nodes)
    http, transport = ports[: wish.nodes], ports[wish.nodes :]
    scheme = "https" if wish.secure else "http"
    for number, port in enumerate(http):
        name = f"node-{number + 1}"
        node = folder / name
        conf, data = node / "conf", node / "data"
        for directory in (conf, data):
            directory.mkdir(parents=True)
        settings = _settings(wish, folder.name, name) | _places(node, data, port, transport[number])
        _configure(conf, wish, settings | _discovery(wish, transport) | dict(wish.settings))
        if wish.secure:
            security.configure(conf, folder, access)
        yield Node(name, f"{scheme}://127.0.0.1:{port}", node, _in_folder(command, node, conf))


def _in_folder(command: list[str], node: Path, conf: Path) -> tuple[str, ...]:
    scratch = [f"-D{key}={node / 'tmp'}" for key in ("java.io.tmpdir", "jna.tmpdir", "io.netty.native.workdir")]
    return (command[0], *scratch, *command[1:], str(conf))


def _settings(wish: Wish, cluster: str, name: str) -> dict[str, Any]:
    return {
        "cluster.name": f"freezer-{cluster}",
        "node.name": name,
        "network.host": "127.0.0.1",
        "cluster.routing.allocation.disk.threshold_enabled": False,
        **(security.SETTINGS if wish.secure else {}),
    }


def _places(node: Path, data: Path, http: int, transport: int) -> dict[str, Any]:
    return {
        "path.data": str(data.resolve()),
        "path.logs": str(node / "logs"),
        "http.port": http,
        "transport.port": transport,
    }


def _discovery(wish: Wish, transport: list[int]) -> dict[str, Any]:
    if wish.nodes == 1:
        return {"discovery.type": "single-node"}
    masters = "master" if wish.engine == "elasticsearch" else "cluster_manager"
    return {
        "discovery.seed_hosts": [f"127.0.0.1:{port}" for port in transport],
        f"cluster.initial_{masters}_nodes": [f"node-{number + 1}" for number in range(wish.nodes)],
    }


def _configure(conf: Path, wish: Wish, settings: dict[str, Any]) -> None:
    lines = [f"{key}: {json.dumps(value)}\n" for key, value in settings.items()]
    (conf / f"{wish.engine}.yml").write_text("".join(lines))
    (conf / "log4j2.properties").write_text(_LOG4J)
