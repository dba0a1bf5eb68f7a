# SPDX-License-Identifier: Apache-2.0
"""HTTP requests as clients send them, and load on persistent connections."""

import io
import json
import re
import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, Self

RESPONSE_TIMEOUT = 120.0
"""Seconds without a response after which a measurement fails."""

_HEADERS = {
    "Host": "127.0.0.1",
    "User-Agent": "python-freezerclient",
    "Accept": "application/json",
    "Content-Type": "application/json",
    "X-Auth-Token": "demo:demo:admin,member",
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


class Answer(NamedTuple):
    """A response, and the seconds that it took. ``status`` is 0 if the connection was closed instead."""

    status: int
    seconds: float
    body: bytes = b""


class _Client:
    """A connection with one outstanding request."""

    def __init__(self, port: int, requests: Iterator[bytes]) -> None:
        self._port = port
        self._requests = requests
        self._received = b""
        self._sent = 0.0
        self.socket = self._connect()

    def _connect(self) -> socket.socket:
        connected = socket.create_connection(("127.0.0.1", self._port), RESPONSE_TIMEOUT)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def send(self) -> bool:
        """Send the next request; return False if there is none."""
        request = next(self._requests, None)
        if request is None:
            return False
        self._received = b""
        self._sent = time.perf_counter()
        # If the server has closed the connection, the missing response is the result.
        with suppress(ConnectionError):
            self.socket.sendall(request)
        return True

    def receive(self) -> Answer | None:
        """Return the response, or None until it is complete."""
        try:
            part = self.socket.recv(1 << 18)
        except ConnectionError:
            part = b""
        if not part:
            return Answer(0, time.perf_counter() - self._sent, self._received)
        self._received += part
        end = self._received.find(_END)
        if end < 0:
            return None
        length = _LENGTH.search(self._received, 0, end)
        if len(self._received) < end + len(_END) + (int(length[1]) if length else 0):
            return None
        status = int(self._received.split(maxsplit=2)[1])
        return Answer(status, time.perf_counter() - self._sent, self._received[end + len(_END) :])

    def reconnect(self) -> None:
        self.socket.close()
        self.socket = self._connect()


class Load:
    """Connections to a local port, each of which sends the next of its requests after a response."""

    def __init__(self, port: int, streams: Sequence[Iterator[bytes]]) -> None:
        self._selector = selectors.DefaultSelector()
        self._clients = [_Client(port, stream) for stream in streams]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for client in self._clients:
            client.socket.close()

    def answers(self) -> Iterator[tuple[int, Answer]]:
        """Send all requests, and yield the number of the connection and the response, in order of arrival."""
        for number, client in enumerate(self._clients):
            if client.send():
                self._selector.register(client.socket, selectors.EVENT_READ, number)
        while self._selector.get_map():
            events = self._selector.select(RESPONSE_TIMEOUT)
            if not events:
                raise TimeoutError(f"no response within {RESPONSE_TIMEOUT} seconds")
            for key, _ in events:
                client = self._clients[key.data]
                answer = client.receive()
                if answer is None:
                    continue
                self._selector.unregister(key.fileobj)
                yield key.data, answer
                if answer.status == 0:
                    client.reconnect()
                if client.send():
                    self._selector.register(client.socket, selectors.EVENT_READ, key.data)


def run(port: int, connections: int, requests: Iterator[Request], count: int, status: int | None) -> list[Answer]:
    """Send ``count`` requests over as many connections.

    Raises ``ValueError`` for another status, if one is given.
    """
    shared = islice(map(Request.raw, requests), count)
    with Load(port, [shared] * min(count, connections)) as load:
        found = [answer for _, answer in load.answers()]
    for answer in found:
        if status is not None and answer.status != status:
            raise ValueError(f"expected status {status}, got {answer.status} {answer.body[:500]!r}")
    return found


def send(port: int, request: Request, status: int = 200) -> Answer:
    """Send one request on a connection of its own."""
    (answer,) = run(port, 1, iter([request]), 1, status)
    return answer
