# SPDX-License-Identifier: Apache-2.0
"""The store hangs while clients far outnumber threads: each request is answered meanwhile.

``make test-matrix`` runs a round that ends when all clients were answered. ``make soak``, which needs an idle
machine, runs three rounds of at least 15 seconds, and also checks the response times.
"""

import http.client
import itertools
import json
import math
import os
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, Self

import pytest

from tests.stores.faults.load import JOB, until
from tests.support.left_out import leave_out
from tests.support.needs import SEARCH, on
from tests.support.search.shared import SearchServers
from tests.support.service import Service, search_store, sql_store
from tests.support.sql.shared import SQLServers

pytestmark = [pytest.mark.slow, pytest.mark.soak]

SOAK = "SOAK_ROUNDS" in os.environ
ROUNDS, SOAK_SECONDS = (3, 15.0) if SOAK else (1, 0.0)
CLIENTS = 120

HEALTH_BOUND = 1.0
"""Seconds within which ``/healthcheck`` is answered while all threads are busy."""


class Store(NamedTuple):
    """A store. ``arguments``: the arguments of a service on it. ``hang``: a context in which the store hangs."""

    arguments: tuple[str, ...]
    config: Path | None
    hang: Callable[[], AbstractContextManager[object]]
    bound: float = 10.0
    """Seconds within which every request is answered."""
    writers: int = CLIENTS
    """Number of clients that write; the others only read."""
    pause: float = 0.5
    """Seconds between requests of a client."""


@contextmanager
def _paused(server: object) -> Iterator[None]:
    server.pause()  # type: ignore[attr-defined]
    try:
        yield
    finally:
        server.resume()  # type: ignore[attr-defined]


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Another process holds the write lock."""
    rival = sqlite3.connect(file, isolation_level=None, timeout=30)
    rival.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        rival.close()


@contextmanager
def _mounted(directory: Path) -> Iterator[Path]:
    """A separate file system, which can be frozen."""
    image, place = directory / "image", directory / "mounted"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(256 << 20)
    for command in (("mkfs.ext4", "-q", str(image)), ("mount", "-o", "loop", str(image), str(place))):
        if (
            shutil.which(command[0]) is None
            or subprocess.run(command, capture_output=True, check=False).returncode
        ):
            leave_out(f"a frozen file system: {command[0]} is not possible here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def _frozen(place: Path) -> Iterator[None]:
    subprocess.run(["fsfreeze", "--freeze", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "--unfreeze", str(place)], check=True)


@pytest.fixture(
    params=[*on("mariadb", "postgresql", "elasticsearch9", "opensearch3"), "sqlite locked", "sqlite frozen"]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    name, _, version = request.param.partition(" ")
    if name == "sqlite":
        with _mounted(tmp_path) if version == "frozen" else contextmanager(lambda: iter([tmp_path]))() as place:
            data = place / "data"
            hang = (lambda: _frozen(place)) if version == "frozen" else lambda: _locked(data / "freezer.sqlite")
            yield Store(("--data-dir", str(data)), None, hang)
    elif name in SEARCH:
        servers: SearchServers = request.getfixturevalue("search_servers")
        with servers.cluster(name[:-1], name[-1], nodes=1) as cluster:
            config = search_store(tmp_path, cluster.url, deadline=5)
            # A write occupies a thread for up to a second. With more writers, requests would queue for longer than
            # the bound while the store is available.
            yield Store((), config, lambda: _paused(cluster), 5.0, writers=8, pause=2.0)
    else:
        databases: SQLServers = request.getfixturevalue("sql_servers")
        with databases.own(name) as server:
            config = sql_store(tmp_path, server.create_database(f"f{time.monotonic_ns()}"))
            yield Store((), config, lambda: _paused(server))


class Clients:
    """Clients that create, list and read jobs, each one request at a time, and one that sends health checks."""

    def __init__(self, port: int, store: Store) -> None:
        self._port = port
        self._store = store
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._ask_for_the_health))
        self.is_hanging = False
        self.longest = 0.0
        """The longest response time of requests that began or ended while the store was hanging."""
        self.longest_of_health = 0.0
        self._latest = [math.inf] * CLIENTS
        self._answered: set[int] = set()
        """Clients with a response to a request that began and ended while the store was hanging; -1 probes."""
        self.statuses: dict[int, int] = {}
        self.acknowledged: list[str] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(120)

    @property
    def are_settled(self) -> bool:
        """Whether the initial queue of requests has been processed."""
        return max(self._latest) < 0.4 * self._store.bound

    @property
    def are_answered(self) -> bool:
        """Whether all clients and the probe were answered while the store was hanging."""
        return len(self._answered) == CLIENTS + 1

    @contextmanager
    def hanging(self, store: Store) -> Iterator[None]:
        with store.hang():
            self.is_hanging = True
            yield
            self.is_hanging = False

    def _ask(self, client: int, method: str, path: str, body: object = None) -> int:
        began_hanging = self.is_hanging
        status, seconds = self._asked(method, path, body)
        self._latest[client] = seconds
        if began_hanging and self.is_hanging:
            self._answered.add(client)
        if began_hanging or self.is_hanging:
            self.longest = max(self.longest, seconds)
        return status

    def _asked(self, method: str, path: str, body: object = None) -> tuple[int, float]:
        data = None if body is None else json.dumps(body)
        begun = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, path, data)
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        return answer.status, time.monotonic() - begun

    def _work(self, client: int) -> None:
        for number in itertools.count():
            job = f"job-{client}-{number}"
            writes = client < self._store.writers
            if writes and self._ask(client, "POST", f"/v1/jobs/{job}", JOB) == 201:
                self.acknowledged.append(job)
            for path in ("/v1/jobs?limit=5", f"/v1/jobs/job-{client % self._store.writers}-0"):
                if self._over.is_set():
                    return
                self._ask(client, "GET", path)
                # Pause as clients do, to leave processor time to the service.
                self._over.wait(self._store.pause)

    def _ask_for_the_health(self) -> None:
        while not self._over.wait(0.2):
            began_hanging = self.is_hanging
            status, seconds = self._asked("GET", "/healthcheck")
            assert status == 200
            if began_hanging and self.is_hanging:
                self._answered.add(-1)
            self.longest_of_health = max(self.longest_of_health, seconds)


def test_responses_are_in_time_while_the_store_hangs(store: Store, tmp_path: Path) -> None:
    service = Service(tmp_path / "one", "--workers", "2", "--threads", "8", *store.arguments, config=store.config)
    if store.config is None:
        service.data_dir = Path(store.arguments[1])
    service.start()
    try:
        for _ in range(ROUNDS):
            _round(service, store)
    finally:
        service.end()


def _round(service: Service, store: Store) -> None:
    with Clients(service.port, store) as clients:
        until(lambda: len(clients.acknowledged) >= store.writers and (clients.are_settled or not SOAK))
        with clients.hanging(store):
            # Reads may all be answered before the first write is refused.
            until(lambda: clients.are_answered and 503 in clients.statuses)
            time.sleep(SOAK_SECONDS)
        done = len(clients.acknowledged)
        until(lambda: len(clients.acknowledged) >= done + store.writers)
    if SOAK:
        assert clients.longest < store.bound
        assert clients.longest_of_health < HEALTH_BOUND
    assert clients.statuses.keys() <= {200, 201, 404, 429, 503}
    lost = [job for job in clients.acknowledged if service.request("GET", f"/v1/jobs/{job}")[0] != 200]
    assert not lost
