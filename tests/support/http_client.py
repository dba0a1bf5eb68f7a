# SPDX-License-Identifier: Apache-2.0
"""Send HTTP requests and parse their responses."""

import http.client
import json
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

JOB = {"client_id": "c1", "job_actions": [{"freezer_action": {"action": "backup"}}]}
LIMIT = 1024 * 1024
REQUEST_ID = r"req-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    """The headers of the response, with names in lower case."""
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def next_page(self) -> str | None:
        """The URL of the next page of a list, from the Link header; None on the last page."""
        link = re.match('<([^>]+)>; rel="next"', self.headers.get("link", ""))
        return link and link[1]

    def refusal(self) -> tuple[int, str]:
        """Check that the response is an error of the API. Return its status and title."""
        assert self.headers["content-type"].startswith("application/json"), self
        error = self.json()
        assert isinstance(error["description"], str)
        return self.status, error["title"]


def connect(url: str, context: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
    place = urlsplit(url)
    if place.scheme == "https":
        return http.client.HTTPSConnection(place.hostname or "", place.port, timeout=60, context=context)
    return http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)


def send(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send one request on this connection. A dict is sent as JSON, an iterator in chunks."""
    chunked = isinstance(body, Iterator)
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    named = {**({"Transfer-Encoding": "chunked"} if chunked else {}), **(headers or {})}
    # The server may respond before the whole body is sent.
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.request(method, target, body, named, encode_chunked=chunked)
    answer = connection.getresponse()
    lower = {name.lower(): value for name, value in answer.getheaders()}
    return Answer(answer.status, lower, answer.read())


def ask(
    url: str,
    method: str = "GET",
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> Answer:
    """Send one request on a new connection."""
    place = urlsplit(url)
    target = (place.path or "/") + (f"?{place.query}" if place.query else "")
    connection = connect(url, context)
    try:
        return send(connection, method, target, body, headers)
    finally:
        connection.close()


def raw(url: str, *lines: str) -> bytes:
    """Send these header lines unchanged on a new connection. Return the response."""
    place = urlsplit(url)
    wire = socket.create_connection((place.hostname or "", place.port or 0), timeout=60)
    wire.sendall("".join(f"{line}\r\n" for line in (*lines, "Connection: close", "")).encode("latin-1"))
    return read_all(wire)


def read_all(wire: socket.socket) -> bytes:
    """Return what arrives until the server ends the connection, and close it."""
    found = bytearray()
    with wire, suppress(ConnectionResetError):
        while data := wire.recv(65536):
            found += data
    return bytes(found)
