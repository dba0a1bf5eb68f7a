# SPDX-License-Identifier: Apache-2.0
"""Clients that send slowly or do not read their responses do not delay other clients."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.http_client import ask, read_all
from tests.support.service import Service

CLIENTS = 64
JOB = {"client_id": "c1", "job_actions": [{"freezer_action": {"action": "backup"}}]}
HOST = b"Host: localhost\r\n"


def post(*lines: bytes) -> bytes:
    return b"POST /v1/jobs HTTP/1.1\r\n" + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


SLOW = {
    "nothing": b"",
    "half a request line": b"GET /v1/jo",
    "half a head": b"GET /v1/jobs HTTP/1.1\r\n" + HOST + b"X-Auth",
    "an empty line": b"\r\n",
    "no body": post(b"Content-Length: 1000"),
    "half a body": post(b"Content-Length: 1000") + b"{" * 500,
    "half a large body": post(b"Content-Length: 1000000") + b"{" * 5000,
    "a body above the limit": post(b"Content-Length: 8000000") + b"{" * 5000,
    "half a chunk": post(b"Transfer-Encoding: chunked") + b"ff\r\n{",
    "nothing after 100": post(b"Content-Length: 1000", b"Expect: 100-continue"),
    "a body for nothing": post(b"Content-Length: 8000000").replace(b"/v1/jobs", b"/v1/nowhere"),
}


@pytest.fixture
def connect() -> Iterator[Callable[[Service], socket.socket]]:
    made: list[socket.socket] = []

    def make(service: Service, read_buffer: int | None = None) -> socket.socket:
        wire = socket.socket()
        made.append(wire)
        if read_buffer is not None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_buffer)
        wire.settimeout(60)
        wire.connect(("127.0.0.1", service.port))
        return wire

    yield make
    for wire in made:
        wire.close()


def serves_others(service: Service) -> None:
    """Check that requests of every kind are answered while slow clients stay connected."""
    for method, path, body in (
        ("GET", "/healthcheck", None),
        ("POST", "/v1/jobs", JOB),
        ("GET", "/v1/jobs?limit=1", None),
        ("POST", "/v1/jobs", {**JOB, "description": "x" * 200_000}),
    ):
        status = ask(service.url + path, method, body).status
        assert status in (200, 201), (method, path, status)


@pytest.fixture
def start_patient(start_service, tmp_path: Path) -> Callable[..., Service]:
    """Start a service with timeouts so long that it closes no connection of a slow client during a test.

    Slow readers of lists also have no share, because another list would otherwise be answered with 429.
    """
    file = tmp_path / "patient.conf"
    file.write_text("[api]\nrequest_head_timeout = 600\nrequest_body_timeout = 600\nmax_concurrent_lists = 0\n")
    return lambda *arguments: start_service("data", "--config-file", str(file), *arguments)


def test_slow_senders_do_not_delay_others(start_patient, connect) -> None:
    service: Service = start_patient("--threads", "2")
    for _ in range(10):
        for sent in SLOW.values():
            connect(service).sendall(sent)
    serves_others(service)


@pytest.mark.slow
@pytest.mark.parametrize("rest", [b"\r\n" + SLOW["half a head"], b"Connection: close\r\n\r\n"])
def test_clients_that_stay_connected_do_not_delay_others(start_patient, connect, rest: bytes) -> None:
    service: Service = start_patient()
    for _ in range(CLIENTS):
        wire = connect(service)
        wire.sendall(b"GET /v1/jobs?limit=1 HTTP/1.1\r\n" + HOST + rest)
        assert wire.recv(12) == b"HTTP/1.1 200"
    serves_others(service)


@pytest.mark.slow
def test_clients_that_do_not_read_do_not_delay_others(start_patient, connect) -> None:
    service: Service = start_patient()
    for number in range(8):
        large = {**JOB, "description": "x" * 900_000}
        assert service.request("POST", f"/v1/jobs/large-{number}", large)[0] == 201
    expected = json.dumps(service.request("GET", "/v1/jobs")[1])
    request = b"GET /v1/jobs HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    for _ in range(32):
        connect(service, read_buffer=4096).sendall(request)
    serves_others(service)
    # A client that reads late still gets its whole response.
    late = connect(service, read_buffer=4096)
    late.sendall(request)
    serves_others(service)
    jobs = json.loads(read_all(late).partition(b"\r\n\r\n")[2])["jobs"]
    assert [job for job in jobs if job["job_id"].startswith("large-")] == json.loads(expected)["jobs"]
    assert service.stop() == 0


def test_incomplete_request_is_refused_at_its_timeout(start_service, connect, tmp_path: Path) -> None:
    file = tmp_path / "freezer.conf"
    file.write_text("[api]\nrequest_head_timeout = 1\nrequest_body_timeout = 1\n")
    service: Service = start_service("data", "--config-file", str(file), "--threads", "4")
    wires = {kind: connect(service) for kind in SLOW}
    for kind, wire in wires.items():
        wire.sendall(SLOW[kind])
    assert read_all(wires.pop("nothing")) == b""
    for kind, wire in wires.items():
        head, _, body = read_all(wire).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
        expected = {"a body above the limit": 413, "a body for nothing": 404}.get(kind, 408)
        assert (kind, int(head.split()[1])) == (kind, expected)
        assert b"connection: close" in head.lower()
        error = json.loads(body)
        assert isinstance(error["title"], str)
        assert isinstance(error["description"], str)
    assert ask(f"{service.url}/v1/jobs").status == 200


def test_head_above_the_limit_is_431(start_service, connect) -> None:
    service: Service = start_service()
    wire = connect(service)
    with suppress(ConnectionError):
        wire.sendall(b"GET / HTTP/1.1\r\n" + b"X-A: 1\r\n" * 650_000)
    assert read_all(wire).startswith(b"HTTP/1.1 431 ")
