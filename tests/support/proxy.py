# SPDX-License-Identifier: Apache-2.0
"""A proxy on loopback that delays, cuts and drops responses, hangs, and refuses connections."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, Self

Trouble = Literal["pass", "hang", "drop", "cut", "delay", "refuse"]
"""What happens to a response. ``pass``: nothing; ``hang``: it is never sent, and the connection stays open;
``drop``: the connection is closed before it; ``cut``: the connection is closed in the middle of it; ``delay``: it
is sent late; ``refuse``: the connection is closed before the request is sent. Bytes replace the response.
"""


class Proxy:
    """A proxy for the server at ``url``. ``trouble`` returns what happens to a response."""

    def __init__(self, url: str, delay: float = 0.2) -> None:
        self.trouble: Callable[[bytes], Trouble | bytes] = lambda _answer: "pass"
        self.seconds = delay
        self.requests = bytearray()
        """Everything that clients have sent."""
        self._latest = b""
        self._target = ("127.0.0.1", int(url.rsplit(":", 1)[1]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def always(self, trouble: Trouble | bytes) -> None:
        self.trouble = lambda _answer: trouble
        if trouble == "refuse":
            for connection in list(self._open):
                _end(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._listener.close()
        for connection in list(self._open):
            _end(connection)

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._ended.is_set():
                client, _ = self._listener.accept()
                if self.trouble(b"") == "refuse":
                    client.close()
                else:
                    threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()
            return
        self._open |= {client, server}
        threading.Thread(target=self._pump, args=(client, server, self._request), daemon=True).start()
        self._pump(server, client, self._answer)
        self._open -= {client, server}

    def _pump(
        self,
        source: socket.socket,
        sink: socket.socket,
        change: Callable[[bytes], bytes | None] = lambda data: data,
    ) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                changed = change(data)
                if changed is None:
                    break
                sink.sendall(changed)
                if changed is not data:
                    break
        _end(source)
        _end(sink)

    def _request(self, data: bytes) -> bytes:
        self.requests += data
        self._latest = data
        return data

    def once(self, trouble: Trouble | bytes, *, to: bytes = b"") -> None:
        """Cause ``trouble`` for the next response to a request that starts with ``to``, by default any request."""
        troubles = iter([trouble])

        def _trouble(answer: bytes) -> Trouble | bytes:
            return next(troubles, "pass") if answer and self._latest.startswith(to) else "pass"

        self.trouble = _trouble

    def _answer(self, data: bytes) -> bytes | None:
        match self.trouble(data):
            case bytes(other):
                return other
            case "hang":
                self._ended.wait()
            case "drop":
                return None
            case "cut":
                return data[: len(data) // 2]
            case "delay":
                self._ended.wait(self.seconds)
        return data


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
