# SPDX-License-Identifier: Apache-2.0
"""HTTP requests as clients send them, and load on persistent connections."""

import io
import json
import re
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

RESPONSE_TIMEOUT = 30.0
"""Seconds without a response after which a measurement fails."""

_HEADERS = {
    "Host": "127.0.0.1",
    "User-Agent": "python-freezerclient",
    "Accept": "application/json",
    "Content-Type": "application/json",
    "X-Auth-Token": "demo:demo",
}
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str = ""
    body: Any = None

    @property
    def content(self) -> bytes:
        return b"" if self.body is None else json.dumps(self.body).encode()

    def raw(self) -> bytes:
        """Return the request as bytes."""
        target = f"{self.path}?{self.query}" if self.query else self.path
        headers = {**_HEADERS, "Content-Length": len(self.content)} if self.content else _HEADERS
        lines = [f"{self.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join(lines).encode() + _END + self.content

    def environ(self) -> dict[str, Any]:
        """Return the WSGI environment of the request."""
        headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in _HEADERS.items()}
        return headers | {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": self.path,
            "QUERY_STRING": self.query,
            "CONTENT_LENGTH": str(len(self.content)),
            "REMOTE_ADDR": "127.0.0.1",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(self.content),
            "wsgi.errors": io.StringIO(),
        }


class _Client:
    """A connection with one outstanding request."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), RESPONSE_TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self._sent = 0.0

    def send(self, request: bytes) -> None:
        self._received = b""
        self._sent = time.perf_counter()
        self.socket.sendall(request)

    def answer(self) -> tuple[bytes, float] | None:
        """Return the response and the seconds that it took, or None until it is complete."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise ConnectionError(f"the server closed the connection after {self._received!r}")
        self._received += part
        end = self._received.find(_END)
        if end < 0:
            return None
        length = _LENGTH.search(self._received, 0, end)
        if len(self._received) < end + len(_END) + (int(length[1]) if length else 0):
            return None
        return self._received, time.perf_counter() - self._sent


class Load:
    """Connections to a local port, each of which sends the next request after a response."""

    def __init__(self, port: int, connections: int) -> None:
        self._clients = [_Client(port) for _ in range(connections)]
        self._selector = selectors.DefaultSelector()
        for client in self._clients:
            self._selector.register(client.socket, selectors.EVENT_READ, client)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for client in self._clients:
            client.socket.close()

    def run(self, requests: Iterator[bytes], count: int, status: int) -> list[float]:
        """Return the seconds of each of ``count`` requests; raise ``ValueError`` for another status."""
        expected = b"HTTP/1.1 %d " % status
        taken: list[float] = []
        under_way = min(count, len(self._clients))
        for client in self._clients[:under_way]:
            client.send(next(requests))
        while len(taken) < count:
            for client in self._ready():
                answer = client.answer()
                if answer is None:
                    continue
                if not answer[0].startswith(expected):
                    raise ValueError(f"expected status {status}, got {answer[0]!r}")
                taken.append(answer[1])
                if under_way < count:
                    under_way += 1
                    client.send(next(requests))
        return taken

    def _ready(self) -> Iterator[_Client]:
        events = self._selector.select(RESPONSE_TIMEOUT)
        if not events:
            raise TimeoutError(f"no response within {RESPONSE_TIMEOUT} seconds")
        for key, _ in events:
            yield key.data


def send(port: int, request: Request) -> bytes:
    """Send one request and return the body of the response."""
    client = _Client(port)
    with client.socket:
        client.send(request.raw())
        while (answer := client.answer()) is None:
            pass
        return answer[0].partition(_END)[2]
