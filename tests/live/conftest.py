"""The service as a real process with several workers, and many clients at once."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.servers.service import Service

Request = tuple[str, str, Any]
"""Method, path, body (None: no body)."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any


class Crowd:
    """Clients with a connection each that send at the same moment."""

    def __init__(self, port: int) -> None:
        self._port = port

    def send(self, requests: Sequence[Request]) -> list[Answer]:
        """The answers, in the order of the requests."""
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


STORES: dict[str, tuple[str, ...]] = {"sqlite": ()}
"""Arguments by which the service finds its store; without any it makes one of its own."""


@pytest.fixture(params=STORES)
def store_arguments(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """For tests that are made with every store."""
    return STORES[request.param]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests of a module; each makes documents of its own."""
    service = Service(tmp_path_factory.mktemp("live") / "data", "--workers", "3", "--threads", "8")
    yield service.start()
    service.end()


@pytest.fixture
def crowd(service: Service) -> Crowd:
    return Crowd(service.port)


@pytest.fixture
def start_service(tmp_path: Any) -> Iterator[Callable[..., Service]]:
    """Makes services on data directories of their own, and ends them."""
    made: list[Service] = []

    def make(name: str = "data", *arguments: str) -> Service:
        made.append(Service(tmp_path / name, "--workers", "2", *arguments))
        return made[-1].start()

    yield make
    for service in made:
        service.end()
