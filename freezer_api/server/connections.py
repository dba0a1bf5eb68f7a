# SPDX-License-Identifier: Apache-2.0
"""Connections of clients, read and written without blocking, so that slow clients do not occupy threads."""

import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.sock import ssl_wrap_socket
from gunicorn.workers.gthread import TConn

from freezer_api.middleware.bodies import DRAIN_TIMEOUT, drain
from freezer_api.middleware.dispatch import HEALTH

MAX_HEAD_SIZE = 64 * 1024
"""Bytes of a request line and all headers; larger heads are refused with 431."""

RECEIVE_SIZE = 64 * 1024
"""Maximum bytes of one read from a socket."""

WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _Incomplete(Exception):
    """The parser needs more bytes of the head than have arrived."""


class _Socket:
    """A client's socket that never blocks: ``unsent`` holds the data that does not fit into its buffer."""

    def __init__(self, client: socket.socket, connection: "Connection") -> None:
        self._client = client
        self.connection = connection
        self.unsent: deque[memoryview] = deque()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def setblocking(self, _flag: object) -> None:
        """Do nothing: gunicorn would make the socket blocking."""

    settimeout = setblocking

    def sendall(self, data: bytes) -> None:
        self.unsent.append(memoryview(data))
        self.flush()

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)

    def flush(self) -> None:
        """Send as much as the socket accepts without blocking."""
        with suppress(*WOULD_BLOCK):
            while self.unsent:
                sent = self._client.send(self.unsent[0])
                self.unsent[0] = self.unsent[0][sent:]
                if not self.unsent[0]:
                    self.unsent.popleft()


class _Unreader(SocketUnreader):  # type: ignore[misc]
    """Returns the bytes that have arrived. Waits for more of a body until ``deadline``, if that is set."""

    ended = False
    """Whether the client has closed its side of the connection."""
    deadline: float | None = None
    too_large = False

    def chunk(self, size_hint: int | None = None) -> bytes:
        if self.ended:
            return b""
        if self.deadline is None:
            raise LimitRequestHeaders(f"more than {MAX_HEAD_SIZE} bytes") if self.too_large else _Incomplete
        while True:
            try:
                data: bytes = super().chunk(size_hint)
            except WOULD_BLOCK:
                self._wait(self.deadline - time.monotonic())
            else:
                self.ended = not data
                return data

    def _wait(self, seconds: float) -> None:
        waiting = select.poll()
        waiting.register(self.sock.fileno(), select.POLLIN)
        if seconds <= 0 or not waiting.poll(seconds * 1000):
            raise TimeoutError

    def append(self, data: bytes) -> None:
        self.buf.seek(0, 2)
        self.buf.write(data)

    @property
    def size(self) -> int:
        return len(self.buf.getbuffer())


class _Parser(RequestParser):  # type: ignore[misc]
    """Parses a request in the main thread; the thread that serves the request gets the result."""

    req_count: int

    def __init__(self, cfg: Any, client: _Socket, address: Any) -> None:
        super().__init__(cfg, client, address)
        self.unreader = _Unreader(client)
        self._next: Any = None

    def prepare(self, received: bytes) -> bool:
        """Parse the bytes. Return whether they are a complete head, or invalid."""
        count: int = self.req_count
        self.unreader.take_buffered()
        self.unreader.append(received)
        self.unreader.deadline = None
        try:
            self._next = super().__next__()
        except _Incomplete:
            self.req_count = count
            return False
        except Exception as error:  # noqa: BLE001 - raised again where gunicorn expects it
            self._next = error
        return True

    def __next__(self) -> Any:
        prepared, self._next = self._next, None
        if isinstance(prepared, Exception):
            raise prepared
        return prepared

    @property
    def is_health_check(self) -> bool:
        """Whether the parsed request is a valid one for the health check."""
        return not isinstance(self._next, Exception) and str(self._next.path).rstrip("/") == HEALTH

    @property
    def body_size(self) -> int | None:
        """Bytes of the body of the parsed request; None if a thread has to receive it."""
        if isinstance(self._next, Exception):
            return 0
        reader = self._next.body.reader
        # A client that sends Expect waits for a response before it sends the body.
        if isinstance(reader, ChunkedReader) or any(name == "EXPECT" for name, _ in self._next.headers):
            return None
        return int(reader.length)


class Connection(TConn):  # type: ignore[misc]
    """A connection, and the part of a request that has arrived on it."""

    parser: _Parser
    sock: _Socket

    def __init__(self, cfg: Any, client: socket.socket, address: Any, server: Any) -> None:
        super().__init__(cfg, client, address, server)
        if cfg.is_ssl:
            # The first read does the handshake, without blocking.
            client = ssl_wrap_socket(client, cfg)
        self.sock = _Socket(client, self)
        self.parser = _Parser(cfg, self.sock, address)
        # Always true, because otherwise gunicorn would wait for the client in a thread.
        self.initialized = True
        self.expire: Callable[[Connection], None] = lambda _: None
        self.is_watched = False
        """Whether the connection is registered with the poller."""
        self.keep = False
        self.begun = 0.0
        """Monotonic time at which the request was handed to a thread."""
        self.has_head = False
        self.body_size: int | None = 0
        """Bytes of the body that is being received; None if a thread has to receive it."""
        self._received = bytearray()

    @property
    def is_silent(self) -> bool:
        """Whether no byte of a request has arrived."""
        return not self.has_head and not self._received

    @property
    def is_complete(self) -> bool:
        """Whether the request can be served without waiting for the client."""
        unreader = self.parser.unreader
        return self.has_head and (
            unreader.ended or (self.body_size is not None and unreader.size >= self.body_size)
        )

    def receive(self) -> None:
        """Read what has arrived, up to the end of the request. Raises ``OSError`` if the client disconnected."""
        pending = True
        while pending and not self.is_complete:
            try:
                data = self.sock.recv(RECEIVE_SIZE)
            except WOULD_BLOCK:
                return
            if not data and self.is_silent:
                raise ConnectionAbortedError
            self.parser.unreader.ended = not data
            self._feed(data)
            # Read until nothing is left, because the rest of a TLS record does not make the socket readable.
            pending = bool(data) and self._has_pending_record()

    def _has_pending_record(self) -> bool:
        return bool(self.cfg.is_ssl and self.sock.pending())

    def _feed(self, data: bytes) -> None:
        if self.has_head:
            self.parser.unreader.append(data)
            return
        start = max(0, len(self._received) - 3)
        self._received += data
        new = self._received[start:]
        unreader = self.parser.unreader
        unreader.too_large = len(self._received) > MAX_HEAD_SIZE
        # Parse only when the head is complete or invalid, because the parser starts at the first byte each time.
        if (
            b"\r\n\r\n" in new
            or new.count(b"\n") != new.count(b"\r\n")
            or (len(self._received) > self.cfg.limit_request_line + 2 and b"\r\n" not in self._received)
            or unreader.ended
            or unreader.too_large
        ) and self.parser.prepare(bytes(self._received)):
            self.has_head = True
            self._received.clear()
            self.body_size = self.parser.body_size

    def begin(self, body_deadline: float) -> None:
        """Let the thread that serves the request wait for its body until ``body_deadline``."""
        self.begun = time.monotonic()
        self.body_size = 0
        self.parser.unreader.deadline = body_deadline

    def drain(self) -> None:
        """Discard the unread part of the body. If that takes too long, the response closes the connection."""
        unreader, request = self.parser.unreader, self.parser.mesg
        unreader.deadline = min(unreader.deadline or 0, time.monotonic() + DRAIN_TIMEOUT)
        if request.body.failed or not drain(request.body):
            request.force_close()

    def next_request(self) -> bool:
        """Begin to receive the next request. Return whether a part of it has arrived already."""
        self.has_head = False
        early = self.parser.unreader.take_buffered()
        if early:
            self._feed(early)
        return bool(early) or self._has_pending_record()
