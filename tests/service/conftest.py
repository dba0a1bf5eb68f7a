# SPDX-License-Identifier: Apache-2.0
"""The service as a process with several workers, and concurrent clients."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.http_client import Answer, connect, send
from tests.support.needs import on
from tests.support.search.shared import SearchServers
from tests.support.service import Service, search_store, sql_store
from tests.support.sql.shared import SQLServers

Request = tuple[str, str, Any]
"""Method, path, and body or None."""


class Crowd:
    """Clients that send requests at the same moment, each over its own connection."""

    def __init__(self, url: str) -> None:
        self._url = url

    def send(self, requests: Sequence[Request]) -> list[Answer]:
        """Return the responses in the order of the requests."""
        ready = threading.Barrier(len(requests))
        with ThreadPoolExecutor(len(requests)) as threads:
            return list(threads.map(lambda request: self._send(ready, *request), requests))

    def _send(self, ready: threading.Barrier, *request: Any) -> Answer:
        with closing(connect(self._url)) as connection:
            connection.connect()
            ready.wait(60)
            return send(connection, *request)


SERVERS = ("elasticsearch9", "mariadb", "postgresql")
STORES = on("sqlite", *SERVERS, slow=SERVERS)


def _configuration(store: str, directory: Path, search: SearchServers, sql: SQLServers) -> Path | None:
    """Create a store and return its configuration file, None for the embedded store."""
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
    return Crowd(service.url)


@pytest.fixture
def start_service(tmp_path: Any) -> Iterator[Callable[..., Service]]:
    """Start services with their own data directories or the store of ``config``, and end them with the test."""
    with ExitStack() as stack:

        def start(name: str = "data", *arguments: str, config: Path | None = None) -> Service:
            service = Service(tmp_path / name, "--workers", "2", *arguments, config=config)
            stack.callback(service.end)
            return service.start()

        yield start
