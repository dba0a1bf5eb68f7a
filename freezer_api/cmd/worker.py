"""A worker process: threads that answer requests, and an end that leaves none unanswered."""

import signal
import socket
import ssl
import time
from contextlib import suppress
from typing import Any

import falcon
from gunicorn.http import errors as http_errors
from gunicorn.workers.gthread import ThreadWorker

from freezer_api.api.errors import error_body

LONGEST_HANDSHAKE = 0.5
"""Seconds from a client's first packet to the one that makes the connection."""


_STATUS: dict[type[Exception], int] = {
    http_errors.LimitRequestLine: 414,
    http_errors.ExpectationFailed: 417,
    http_errors.LimitRequestHeaders: 431,
    http_errors.ForbiddenProxyRequest: 403,
    http_errors.UnsupportedTransferCoding: 501,
    ssl.SSLError: 403,
}
"""Of errors for which 400 is wrong, gunicorn's statuses."""
_OF_THE_APPLICATION = (
    http_errors.ConfigurationProblem,
    http_errors.InvalidResponseHeader,
    http_errors.InvalidResponseHeaderName,
)


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

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:  # noqa: ARG002
        """Answer in JSON what does not reach the application.

        Unlike gunicorn's own, the log line quotes nothing of the request, which may hold a token or a secret.
        """
        if not isinstance(exc, http_errors.ParseException | ssl.SSLError) or isinstance(exc, _OF_THE_APPLICATION):
            self.log.error("Error handling request", exc_info=exc)
            status, text = 500, "An unexpected error occurred on the server."
        else:
            try:
                # oslo.log appends the exception that is being handled, unless it is one such as this.
                raise ValueError
            except ValueError:
                self.log.warning("Invalid request from %s: %s", addr[0] if addr else "-", type(exc).__name__)
            status = next((code for kind, code in _STATUS.items() if isinstance(exc, kind)), 400)
            text = "The server could not take this for a request."
        line = falcon.code_to_http_status(status)
        body = error_body(line, text)
        head = (
            f"HTTP/1.1 {line}\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        # A client that is gone is not answered.
        with suppress(OSError):
            client.sendall(head.encode() + body)
