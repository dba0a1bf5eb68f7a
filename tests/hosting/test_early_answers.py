# SPDX-License-Identifier: Apache-2.0
"""Clients receive a response that is sent before the request body is read, even through a proxy."""

import http.client
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlsplit

import pytest

from tests.hosting import hosts
from tests.hosting.hosts import ETC, Host, Place
from tests.support.http_client import LIMIT
from tests.support.keystone import Keystone

SIZES = (70 * 1024, 300 * 1024, LIMIT + 1, 2 * LIMIT, 8 * LIMIT)
ROUNDS = 5
CLIENTS = 4

HOSTS: dict[str, Callable[[Place], Host]] = {
    "freezer-api": hosts.FreezerAPI,
    "uwsgi": hosts.UWSGI,
    "mod-wsgi": hosts.ModWSGI,
}


def nginx(place: Place, port: int, options: str = "") -> Host:
    """Return nginx, which by default receives the whole body before it sends the request."""
    directives = f"proxy_pass http://127.0.0.1:{port}; client_max_body_size 0; {options}"
    return hosts.Nginx(place, f"location / {{ {directives} }}")


PROXIES: dict[str, Callable[[Place, int], Host]] = {
    "nginx": nginx,
    "nginx-unbuffered": partial(nginx, options="proxy_request_buffering off; proxy_http_version 1.1;"),
    "haproxy": hosts.HAProxy,
}


@pytest.fixture
def place(keystone: Keystone) -> Iterator[Place]:
    made = Place()
    made.configure((ETC / "freezer-paste.ini").read_text(), keystone.section())
    yield made
    made.remove()


def requests_of(token: str) -> Sequence[tuple[str, dict[str, str], int]]:
    """Return path, headers and status of requests that are refused before their body is read."""
    return (
        ("/v1/backups", {}, 401),
        ("/v1/backups", {"X-Auth-Token": "unknown"}, 401),
        ("/v1/nowhere", {"X-Auth-Token": token}, 404),
        ("/v1/backups", {"X-Auth-Token": token}, 413),
    )


def outcome(url: str, path: str, headers: dict[str, str], size: int, *, chunked: bool) -> str:
    """Send the whole body first. Return the status, or the name of an error."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    try:
        body = iter([b" " * 65536] * (size // 65536 + 1)) if chunked else b" " * size
        named = headers | ({"Transfer-Encoding": "chunked"} if chunked else {})
        connection.request("POST", path, body, named, encode_chunked=chunked)
        answer = connection.getresponse()
        text = answer.read()
        is_json = answer.headers.get_content_type() == "application/json" and text.startswith(b'{"')
        return f"{answer.status}{'' if is_json else ' of a proxy'}"
    except OSError as error:
        return type(error).__name__
    finally:
        connection.close()


def outcomes(url: str, token: str, *, chunked: bool = False) -> tuple[Counter[str], Counter[str]]:
    """Return the outcomes and the expected outcomes."""
    cases = [
        (path, headers, size, status)
        for _ in range(ROUNDS)
        for size in SIZES
        for path, headers, status in requests_of(token)
        if status != 413 or size > LIMIT
    ]
    with ThreadPoolExecutor(CLIENTS) as clients:
        found = clients.map(lambda case: outcome(url, *case[:3], chunked=chunked), cases)
        return Counter(found), Counter(str(case[3]) for case in cases)


@pytest.mark.parametrize(
    ("host", "proxy"),
    [
        pytest.param(host, proxy, marks=[] if (host, proxy) == ("freezer-api", "haproxy") else pytest.mark.slow)
        for host in HOSTS
        for proxy in (*PROXIES, "none")
    ],
)
def test_early_responses_reach_the_client(
    place: Place, keystone: Keystone, started: Callable[[Host], Host], host: str, proxy: str
) -> None:
    token = keystone.token("hosted", "hosted", "member")
    service = started(HOSTS[host](place))
    front = service if proxy == "none" else started(PROXIES[proxy](place, service.port))
    found, expected = outcomes(front.url, token)
    assert found == expected
    if proxy != "nginx":
        found, expected = outcomes(front.url, token, chunked=True)
        assert found == expected


def test_early_response_does_not_wait_for_the_body(place: Place, started: Callable[[Host], Host]) -> None:
    service = started(hosts.FreezerAPI(place))
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as wire:
        head = f"POST /v1/backups HTTP/1.1\r\nHost: a\r\nContent-Length: {8 * LIMIT}\r\n\r\n"
        wire.sendall(head.encode() + b" " * 1000)
        answer = wire.recv(65536)
        assert answer.startswith(b"HTTP/1.1 401 ")
        assert b"connection: close" in answer.lower()
        # The server must not reset the connection while the client still sends data.
        wire.sendall(b" " * 1000)
        while wire.recv(65536):
            pass
