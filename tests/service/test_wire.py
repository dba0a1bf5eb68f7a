# SPDX-License-Identifier: Apache-2.0
"""Every request gets a response, even a malformed one, and error responses are JSON."""

import json
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.service import Service

pytestmark = pytest.mark.any_store

HOST = b"Host: localhost\r\n"
JOB = json.dumps({"client_id": "c1", "job_actions": [{"freezer_action": {"action": "backup"}}]}).encode()
LIMIT = 1024 * 1024


class Wire:
    """A connection that sends bytes unchanged."""

    def __init__(self, service: Service) -> None:
        self._socket = socket.create_connection(("127.0.0.1", service.port), timeout=60)
        self._file = self._socket.makefile("rb")

    def send(self, *parts: bytes) -> None:
        # The response may arrive before everything is sent.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(b"".join(parts))

    def shut_down(self) -> None:
        """Close the client's side of the connection."""
        self._socket.shutdown(socket.SHUT_WR)

    def answer(self) -> tuple[int, bytes]:
        """Return status and body of the next response."""
        status = int(self._file.readline().split()[1])
        length = 0
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return status, self._file.read(length)

    def refusal(self) -> tuple[int, str]:
        """Check that the next response is an error in JSON. Return its status and title."""
        status, body = self.answer()
        error = json.loads(body)
        assert isinstance(error["description"], str)
        return status, error["title"]

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.fixture
def wire(service: Service) -> Iterable[Wire]:
    wire = Wire(service)
    yield wire
    wire.close()
    assert service.request("GET", "/v1/jobs?limit=1")[0] == 200


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def test_fault_02_chunked_bodies_on_one_connection_are_read(wire: Wire) -> None:
    head = b"POST /v1/jobs HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    for _ in range(2):
        wire.send(head, chunked(JOB[:10], JOB[10:]))
        status, body = wire.answer()
        assert (status, list(json.loads(body))) == (201, ["job_id"])


@pytest.mark.parametrize(
    "broken", [b"zz\r\n{}\r\n0\r\n\r\n", b"-5\r\n{}\r\n", b"5\r\n{}", b"4\r\n{}xxYY\r\n0\r\n\r\n"]
)
def test_malformed_chunked_body_is_400(wire: Wire, broken: bytes) -> None:
    wire.send(b"POST /v1/jobs HTTP/1.1\r\n", HOST, b"Transfer-Encoding: chunked\r\n\r\n", broken)
    wire.shut_down()
    assert wire.refusal()[0] == 400


def test_body_that_ends_too_early_is_400(wire: Wire) -> None:
    wire.send(b"POST /v1/jobs HTTP/1.1\r\n", HOST, b"Content-Length: 5000\r\n\r\n", JOB)
    wire.shut_down()
    assert wire.refusal()[0] == 400


@pytest.mark.parametrize("size", [LIMIT + 1, 10 * LIMIT])
def test_fault_14_body_above_the_limit_is_413(wire: Wire, size: int) -> None:
    wire.send(b"POST /v1/backups HTTP/1.1\r\n", HOST, b"Content-Length: %d\r\n\r\n" % size, b" " * size)
    assert wire.refusal()[0] == 413


@pytest.mark.parametrize("size", [LIMIT + 1, 10 * LIMIT])
def test_fault_14_chunked_body_above_the_limit_is_413(wire: Wire, size: int) -> None:
    head = b"POST /v1/backups HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
    wire.send(head, chunked(b" " * size))
    assert wire.refusal()[0] == 413


BAD_REQUEST = "400 Bad Request"
TOO_LARGE = "431 Request Header Fields Too Large"


@pytest.mark.parametrize(
    ("request_", "title"),
    [
        (b"nonsense\r\n\r\n", BAD_REQUEST),
        (b"GET /v1/jobs HTTP/9.9\r\n\r\n", BAD_REQUEST),
        (b"G\x00T /v1/jobs HTTP/1.1\r\n\r\n", BAD_REQUEST),
        (b"GET /v1/jobs HTTP/1.1\r\nno colon\r\n\r\n", BAD_REQUEST),
        (b"POST /v1/jobs HTTP/1.1\r\nContent-Length: x\r\n\r\n", BAD_REQUEST),
        (b"POST /v1/jobs HTTP/1.1\r\nContent-Length: -1\r\n\r\n", BAD_REQUEST),
        (b"POST /v1/jobs HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", BAD_REQUEST),
        (
            b"POST /v1/jobs HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            BAD_REQUEST,
        ),
        (b"POST /v1/jobs HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n", "501 Not Implemented"),
        (b"POST /v1/jobs HTTP/1.1\r\nTransfer-Encoding: gzip, x\r\n\r\n", "501 Not Implemented"),
        (b"POST /v1/jobs HTTP/1.1\r\nExpect: x\r\n\r\n", "417 Expectation Failed"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", "414 URI Too Long"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", TOO_LARGE),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(200)) + b"\r\n", TOO_LARGE),
    ],
)
def test_title_of_a_malformed_request_is_its_status(wire: Wire, request_: bytes, title: str) -> None:
    wire.send(request_)
    assert wire.refusal() == (int(title[:3]), title)


MALFORMED = [
    b"GET /v1/jobs?search=tulip and more HTTP/1.1\r\n\r\n",
    b"GET /v1/jobs?search=tulip HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\ntulip\r\n\r\n",
    b"GET / HTTP/1.1\r\nX-Auth-Token : tulip\r\n\r\n",
    b"GET / HTTP/1.1\r\nX-Auth-Token: tu\x00lip\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: tulip\r\n\r\n",
    b"POST / HTTP/1.1\r\nTransfer-Encoding: tulip\r\n\r\n",
    b"POST / HTTP/1.1\r\nExpect: tulip\r\n\r\n",
]


def test_malformed_request_is_logged_without_user_and_content(
    start_service: Callable[..., Service], tmp_path: Path
) -> None:
    """One thread serves all requests, so that a stale log context would name the user of the last one."""
    configuration = tmp_path / "freezer.conf"
    access = tmp_path / "access.log"
    levels = "default_log_levels = freezer_api.access=INFO"
    configuration.write_text(f"[DEFAULT]\n{levels}\n[gunicorn]\naccesslog = {access}\n")
    service = start_service("data", "--workers", "1", "--threads", "1", "--config-file", str(configuration))
    for request_ in MALFORMED:
        assert service.request("GET", "/v1/jobs?search=tulip", token="alice:library")[0] == 400
        wire = Wire(service)
        wire.send(request_)
        assert wire.answer()[0] in (400, 417, 501)
        wire.close()
    service.stop()
    lines = service.log.read_text().splitlines()
    served = [line for line in lines if "freezer_api.access" in line]
    assert all("alice" in line for line in served)
    refused = [line for line in lines if "Invalid request from 127.0.0.1: " in line]
    assert len(served) == len(refused) == len(MALFORMED)
    assert all(" [-] " in line and "alice" not in line for line in refused)
    assert "GET /v1/jobs HTTP/1.1" in access.read_text()
    assert "tulip" not in service.log.read_text() + access.read_text()


@pytest.mark.parametrize("name", ["X-User-Id", "x-user-id", "X_User_Id", "X-Roles", "X-Project-Id", "X-Tenant-Id"])
def test_fault_15_identity_headers_of_clients_are_ignored(wire: Wire, service: Service, name: str) -> None:
    assert service.request("POST", "/v1/jobs/of-root", JOB, token="root:root:admin")[0] in (201, 409)
    forged = f"X-Identity-Status: Confirmed\r\n{name}: root\r\n".encode()
    wire.send(b"GET /v1/jobs/of-root HTTP/1.1\r\n", HOST, forged, b"\r\n")
    assert wire.refusal()[0] == 404


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\nSec-Fetch-Mode: no-cors\r\n", 403),
        (b"HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n", 400),
        (b"HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n", 400),
        (b"HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Proto: https\r\n", 403),
        (b"HTTP/1.0\r\n", 201),
    ],
)
def test_requests_of_web_pages_and_proxies_are_refused(wire: Wire, head: bytes, status: int) -> None:
    """Browsers send forms, and ``fetch`` requests without a preflight request, as text/plain."""
    wire.send(b"POST /v1/jobs ", head, b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(JOB), JOB)
    answered, body = wire.answer()
    assert answered == status, body


def test_request_line_of_the_maximum_length_is_read(wire: Wire) -> None:
    fixed = b"GET /v1/jobs?search=%22 HTTP/1.1\r\n"
    wire.send(b"GET /v1/jobs?search=%22", b"x" * (8190 - len(fixed)), b" HTTP/1.1\r\n", HOST, b"\r\n")
    assert wire.refusal()[0] == 400
