"""The store hangs under many more clients than there are threads: each of them is answered in time.

``make soak`` makes three rounds of 15 seconds with 120 clients; the matrix has one short round.
"""

import http.client
import itertools
import json
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

from tests.faults.load import JOB, until
from tests.servers.left_out import leave_out
from tests.servers.service import Service, sql_store
from tests.servers.sql.shared import SQLServers

pytestmark = [pytest.mark.matrix, pytest.mark.soak]

ROUNDS, SECONDS = (3, 15.0) if "SOAK_ROUNDS" in os.environ else (1, 7.0)
CLIENTS = 120

HEALTH_BOUND = 1.0
"""Seconds within which ``/healthcheck`` is answered while all threads are busy."""


class Store(NamedTuple):
    """``arguments`` start a service on it. ``hang`` stops it for the length of a context."""

    arguments: tuple[str, ...]
    config: Path | None
    hang: Callable[[], AbstractContextManager[object]]
    bound: float
    """Seconds within which every request is answered."""


@contextmanager
def _paused(server: object) -> Iterator[None]:
    server.pause()  # type: ignore[attr-defined]
    try:
        yield
    finally:
        server.resume()  # type: ignore[attr-defined]


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Another process writes, and does not come to an end."""
    rival = sqlite3.connect(file, isolation_level=None, timeout=30)
    rival.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        rival.close()


@contextmanager
def _mounted(directory: Path) -> Iterator[Path]:
    """A file system of its own, which can be frozen."""
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


@pytest.fixture(params=["mariadb", "postgresql", "sqlite locked", "sqlite frozen"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    name, _, version = request.param.partition(" ")
    if name == "sqlite":
        with _mounted(tmp_path) if version == "frozen" else contextmanager(lambda: iter([tmp_path]))() as place:
            data = place / "data"
            hang = (lambda: _frozen(place)) if version == "frozen" else lambda: _locked(data / "freezer.sqlite")
            yield Store(("--data-dir", str(data)), None, hang, 10.0)
    else:
        databases: SQLServers = request.getfixturevalue("sql_servers")
        with databases.own(name) as server:
            config = sql_store(tmp_path, server.create_database(f"f{time.monotonic_ns()}"))
            yield Store((), config, lambda: _paused(server), 10.0)


class Clients:
    """Clients that create, list and read jobs one request after the other, and one that asks for the health."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(number,)) for number in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._ask_for_the_health))
        self.longest: dict[str, float] = {"request": 0.0, "health": 0.0}
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

    def _asked(self, kind: str, method: str, path: str, body: object = None) -> int:
        data = None if body is None else json.dumps(body)
        begun = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, path, data)
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        self.longest[kind] = max(self.longest[kind], time.monotonic() - begun)
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        return answer.status

    def _work(self, client: int) -> None:
        for number in itertools.count():
            job = f"job-{client}-{number}"
            if self._asked("request", "POST", f"/v1/jobs/{job}", JOB) == 201:
                self.acknowledged.append(job)
            for path in ("/v1/jobs?limit=5", f"/v1/jobs/job-{client}-0"):
                if self._over.is_set():
                    return
                self._asked("request", "GET", path)
                # As clients do, and so that they leave something of the processors to the service.
                self._over.wait(0.5)

    def _ask_for_the_health(self) -> None:
        while not self._over.wait(0.2):
            assert self._asked("health", "GET", "/healthcheck") == 200


def test_requests_and_health_are_answered_in_time_while_the_store_hangs(store: Store, tmp_path: Path) -> None:
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
    with Clients(service.port) as clients:
        until(lambda: len(clients.acknowledged) >= CLIENTS)
        with store.hang():
            time.sleep(SECONDS)
        done = len(clients.acknowledged)
        until(lambda: len(clients.acknowledged) >= done + CLIENTS)
    assert clients.longest["request"] < store.bound
    assert clients.longest["health"] < HEALTH_BOUND
    assert clients.statuses.keys() <= {200, 201, 404, 429, 503}
    assert clients.statuses[503]
    lost = [job for job in clients.acknowledged if service.request("GET", f"/v1/jobs/{job}")[0] != 200]
    assert not lost
