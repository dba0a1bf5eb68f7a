"""The service as a process with several workers, and concurrent clients."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.needs import on
from tests.support.search.shared import SearchServers
from tests.support.service import Service, search_store, sql_store
from tests.support.sql.shared import SQLServers

Request = tuple[str, str, Any]
"""Method, path, and body or None."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any


class Crowd:
    """Clients that send at the same moment, each on its connection."""

    def __init__(self, port: int) -> None:
        self._port = port

    def send(self, requests: Sequence[Request]) -> list[Answer]:
        """Return the responses in the order of the requests."""
        ready = threading.Barrier(len(requests))
        with ThreadPoolExecutor(len(requests)) as threads:
            return list(threads.map(lambda request: self._one(ready, request), requests))

    def _one(self, ready: threading.Barrier, request: Request) -> Answer:
        method, path, body = request
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.connect()
            data = None if body is None else json.dumps(body)
            ready.wait(60)
            connection.request(method, path, data)
            answer = connection.getresponse()
            text = answer.read()
            return Answer(answer.status, json.loads(text) if text else None)
        finally:
            connection.close()


SERVERS = ("elasticsearch9", "mariadb", "postgresql")
STORES = on("sqlite", *SERVERS, slow=SERVERS)


def _configuration(store: str, directory: Path, search: SearchServers, sql: SQLServers) -> Path | None:
    """Return the configuration file of a new store, None for the embedded one."""
    if store == "sqlite":
        return None
    if store == "elasticsearch9":
        return search_store(directory, search.server("elasticsearch", "9").url)
    return sql_store(directory, sql.database(store))


@pytest.fixture(params=STORES)
def store(
    request: pytest.FixtureRequest, tmp_path: Path, search_servers: SearchServers, sql_servers: SQLServers
) -> Path | None:
    """The configuration file of a new store, for tests that run on every store."""
    return _configuration(request.param, tmp_path, search_servers, sql_servers)


@pytest.fixture(scope="module", params=STORES)
def service(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    search_servers: SearchServers,
    sql_servers: SQLServers,
) -> Iterator[Service]:
    """One service for all tests of a module, each of which creates its own documents."""
    directory = tmp_path_factory.mktemp("live")
    config = _configuration(request.param, directory, search_servers, sql_servers)
    service = Service(directory / "data", "--workers", "3", "--threads", "8", config=config)
    yield service.start()
    service.end()


@pytest.fixture
def crowd(service: Service) -> Crowd:
    return Crowd(service.port)


@pytest.fixture
def start_service(tmp_path: Any) -> Iterator[Callable[..., Service]]:
    """Start services with their own data directories or the store of ``config``, and end them with the test."""
    with ExitStack() as stack:

        def start(name: str = "data", *arguments: str, config: Path | None = None) -> Service:
            service = Service(tmp_path / name, "--workers", "2", *arguments, config=config)
            stack.callback(service.end)
            return service.start()

        yield start
