"""A worker process: threads that answer requests, and an end that leaves none unanswered."""

import signal
import socket
import time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from freezer_api.api.errors import error_body

LONGEST_HANDSHAKE = 0.5
"""Seconds from a client's first packet to the one that makes the connection."""


class _JSONErrors:
    """A client's socket on which the server's own error page becomes an error in the API's shape."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def sendall(self, page: bytes) -> None:
        status = page.split(b"\r\n", 1)[0].split(b" ", 1)[1].decode("latin-1")
        body = error_body(status, "The server could not take this for a request.")
        head = (
            f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._client.sendall(head.encode("latin-1") + body)


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's worker with threads; what never reaches the application is answered in JSON as well.

    Asked to stop, it takes every connection that was made until then, answers what comes on them, and closes them.
    """

    def init_signals(self) -> None:
        super().init_signals()
        # Ctrl-C reaches every process: it is a stop like others. A SIGHUP that does is the master's business.
        signal.signal(signal.SIGINT, self.handle_exit)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        # The master has held them back until they could be understood here.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def run(self) -> None:
        try:
            super().run()
        finally:
            self.app.close()

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - the signature is gunicorn's
        if not enabled and not self.alive:
            self._accept_the_last()
        super().set_accept_enabled(enabled and self.alive)
        if not enabled and not self.alive:
            self._leave()

    def _accept_the_last(self) -> None:
        """Serve on until connections have been made that clients began before the master refused newcomers."""
        deadline = time.monotonic() + LONGEST_HANDSHAKE
        while (left := deadline - time.monotonic()) > 0:
            self.wait_for_and_dispatch_events(timeout=left)

    def _leave(self) -> None:
        """Take the connections that the system has made, and leave the address: who comes later is refused."""
        for listener in self.sockets:
            before = -1
            while before != self.nr_conns:
                before = self.nr_conns
                self.accept(listener)
            listener.close()

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        # Nor are those waited for long that have not sent anything yet.
        for connection in self.pending_conns:
            connection.timeout = min(connection.timeout, deadline)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        super().handle_error(req, _JSONErrors(client), addr, exc)
