# SPDX-License-Identifier: Apache-2.0
"""gunicorn's worker with threads, which do not wait for slow clients; it answers all requests before it ends."""

import errno
import logging
import selectors
import signal
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from gunicorn.http import errors as http_errors
from gunicorn.workers.gthread import ThreadWorker

from freezer_api.middleware.bodies import DRAIN_TIMEOUT
from freezer_api.middleware.request_log import WAITED
from freezer_api.middleware.responses import error_body
from freezer_api.server.connections import RECEIVE_SIZE, WOULD_BLOCK, Connection

LOG = logging.getLogger(__name__)

_SERVER_ERROR = "500 Internal Server Error"

_STATUS: dict[type[Exception], str] = {
    http_errors.ConfigurationProblem: _SERVER_ERROR,
    http_errors.InvalidResponseHeader: _SERVER_ERROR,
    http_errors.InvalidResponseHeaderName: _SERVER_ERROR,
    http_errors.LimitRequestLine: "414 URI Too Long",
    http_errors.ExpectationFailed: "417 Expectation Failed",
    http_errors.LimitRequestHeaders: "431 Request Header Fields Too Large",
    http_errors.ForbiddenProxyRequest: "403 Forbidden",
    http_errors.UnsupportedTransferCoding: "501 Not Implemented",
    ssl.SSLError: "403 Forbidden",
    http_errors.ParseException: "400 Bad Request",
}
"""The status of errors, as in gunicorn, the most general last. Other errors are 500."""

HEALTH_THREADS = 2
"""Number of threads that serve only ``/healthcheck``."""

SMALL_BODY_SIZE = 64 * 1024
"""Bytes. A body up to this size is always received without a thread."""

MAX_RECEIVED_SIZE = 64 * 1024 * 1024
"""Bytes of bodies that a worker receives without threads. Beyond them it receives larger bodies in threads."""

MAX_UNSENT_SIZE = 64 * 1024 * 1024
"""Bytes of responses kept for clients that read slowly; above it the worker closes the oldest connections."""

SEND_TIMEOUT = 30.0
"""Seconds within which a client has to read a part of its response."""


def _error_response(status: str, description: str) -> bytes:
    """Return an error response in the format of the API that closes the connection."""
    body = error_body(status, description)
    head = (
        f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1") + body


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's worker with threads, without threads that wait for clients.

    gunicorn's threads wait until a client has sent its head and body, and has read its response. Here the main
    thread waits, with its poller, and a thread serves a request only while the application works on it. Chunked
    bodies, and bodies above the memory limits of the worker, are received in threads of their own.

    A worker that stops accepts the connections that are established, closes the listening socket, and serves them.
    Errors that do not reach the application are answered in JSON.
    """

    def init_process(self) -> None:
        self._health_pool = ThreadPoolExecutor(HEALTH_THREADS, "health")
        self._body_pool = ThreadPoolExecutor(max(1, self.cfg.threads // 2), "body")
        super().init_process()

    def init_signals(self) -> None:
        super().init_signals()
        # A terminal sends these signals to every process, but only the arbiter handles them.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        # The arbiter blocks signals while it forks.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def run(self) -> None:
        try:
            super().run()
        finally:
            self._health_pool.shutdown(wait=False)
            self._body_pool.shutdown(wait=False)
            self.app.config.close()

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - the signature is gunicorn's
        super().set_accept_enabled(enabled and self.alive)
        if not enabled and not self.alive:
            # gunicorn closes the socket after the last response; connections established meanwhile are reset then.
            for listener in self.sockets:
                while self.accept(listener):
                    pass
                listener.close()

    # --- Receiving: overridden, as gunicorn's versions hand each connection to a thread that waits.

    def accept(self, listener: socket.socket) -> bool:
        """Accept a connection. Return False if none was waiting."""
        client = None
        try:
            client, address = listener.accept()
            connection = Connection(self.cfg, client, address, listener.getsockname())
        except OSError as error:
            if client is not None:
                client.close()
            elif error.errno == errno.EAGAIN:
                return False
            elif error.errno != errno.ECONNABORTED:
                raise
            return True
        self.nr_conns += 1
        self._expect_request(connection)
        return True

    def on_client_socket_readable(self, connection: Connection, _client: Any) -> None:
        """Receive the next request of a kept connection."""
        self.poller.unregister(connection.sock)
        self.keepalived_conns.remove(connection)
        self._expect_request(connection)

    def _expect_request(self, connection: Connection) -> None:
        # Most requests have arrived completely, so that the poller is not needed.
        if self._receive(connection):
            config = self.app.config
            timeout = config.request_body_timeout if connection.has_head else config.request_head_timeout
            self._watch(connection, selectors.EVENT_READ, self._receive, timeout, self._time_out)

    def _receive(self, connection: Connection, _client: Any = None) -> bool:
        """Receive what has arrived. Return whether the rest of the request is received without a thread."""
        had_head = connection.has_head
        is_decided = had_head and connection.is_watched
        try:
            connection.receive()
        except OSError:
            self._drop(connection)
            return False
        if not connection.has_head:
            return True
        if connection.is_complete or not (is_decided or self._has_memory(connection)):
            self._unwatch(connection)
            self.enqueue_req(connection)
            return False
        if not had_head:
            connection.timeout = time.monotonic() + self.app.config.request_body_timeout
        return True

    def _has_memory(self, connection: Connection) -> bool:
        """Return whether the body may be kept in memory until it is complete."""
        size = connection.body_size
        if size is None or size > max(self.app.config.max_body_size, SMALL_BODY_SIZE):
            return False
        others = sum(other.body_size or 0 for other in self.pending_conns if other is not connection)
        return size <= SMALL_BODY_SIZE or others + size <= MAX_RECEIVED_SIZE

    def enqueue_req(self, connection: Connection) -> None:
        """Hand the request to a thread. The health check and incomplete bodies have their own threads."""
        if not connection.is_complete:
            pool = self._body_pool
        elif connection.parser.is_health_check:
            pool = self._health_pool
        else:
            pool = self.tpool
        connection.begin(time.monotonic() + self.app.config.request_body_timeout)
        future = pool.submit(self.handle, connection)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, connection, done))

    def _time_out(self, connection: Connection) -> None:
        """End a connection whose request did not arrive in time."""
        if connection.is_silent:
            self._drop(connection)
            return
        LOG.info("No complete request from %s in time", connection.client)
        connection.keep = False
        with suppress(OSError):
            connection.sock.sendall(_error_response("408 Request Timeout", "The request did not arrive in time."))
        self._send(connection)

    # --- Responding: overridden, as gunicorn's versions wait for clients in a thread and in the main thread.

    def finish_request(self, connection: Connection, future: "Future[Any]") -> None:
        """Send the part of the response that the client has not read yet, when the thread has finished."""
        connection.keep = not future.cancelled() and future.exception() is None and bool(future.result())
        self._send(connection)

    def _send(self, connection: Connection, _client: Any = None) -> None:
        self._unwatch(connection)
        try:
            connection.sock.flush()
        except OSError:
            self._drop(connection)
            return
        if connection.sock.unsent:
            self._watch(connection, selectors.EVENT_WRITE, self._send, SEND_TIMEOUT, self._drop)
            self._cut_off_slow_readers()
        elif not connection.keep:
            self._shut_down(connection)
        elif connection.next_request():
            self._expect_request(connection)
        else:
            done: Future[bool] = Future()
            done.set_result(True)
            super().finish_request(connection, done)

    def _cut_off_slow_readers(self) -> None:
        slow = [connection for connection in self.pending_conns if connection.sock.unsent]
        unsent = sum(len(piece) for connection in slow for piece in connection.sock.unsent)
        for connection in slow:
            if unsent <= MAX_UNSENT_SIZE:
                return
            LOG.warning("%s reads its response too slowly, and is cut off to free memory", connection.client)
            unsent -= sum(map(len, connection.sock.unsent))
            self._drop(connection)

    def _shut_down(self, connection: Connection) -> None:
        """Close the connection when the client has read the response; an earlier close could discard it."""
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(connection)
            return
        self._watch(connection, selectors.EVENT_READ, self._discard, DRAIN_TIMEOUT, self._drop)

    def _discard(self, connection: Connection, _client: Any) -> None:
        """Read and discard what the client still sends."""
        try:
            if connection.sock.recv(RECEIVE_SIZE):
                return
        except WOULD_BLOCK:
            return
        except OSError:
            pass
        self._drop(connection)

    # --- The poller.

    def _watch(
        self,
        connection: Connection,
        events: int,
        step: Callable[[Connection, Any], object],
        timeout: float,
        expire: Callable[[Connection], None],
    ) -> None:
        """Call ``step`` at each event, and ``expire`` when the time is over."""
        connection.timeout = time.monotonic() + timeout
        connection.expire = expire
        connection.is_watched = True
        self.pending_conns.append(connection)
        self.poller.register(connection.sock, events, partial(step, connection))

    def _unwatch(self, connection: Connection) -> None:
        if connection.is_watched:
            connection.is_watched = False
            self.pending_conns.remove(connection)
            self.poller.unregister(connection.sock)

    def murder_pending(self) -> None:
        # gunicorn's version uses the same timeout for all connections.
        now = time.monotonic()
        for connection in [*self.pending_conns]:
            if connection.timeout <= now:
                connection.expire(connection)

    def _drop(self, connection: Connection) -> None:
        self._unwatch(connection)
        self.nr_conns -= 1
        connection.close()

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:  # noqa: ARG002
        """Answer an error that does not reach the application in JSON.

        Unlike gunicorn's, the log line quotes nothing of the request, which may contain a token or a secret.
        """
        status = next((code for kind, code in _STATUS.items() if isinstance(exc, kind)), _SERVER_ERROR)
        if status == _SERVER_ERROR:
            self.log.error("Error handling request", exc_info=exc)
            text = "An unexpected error occurred on the server."
        else:
            # Let the main thread log it, because oslo.log appends an exception that is being handled to the line.
            client_ip = addr[0] if addr else "-"
            self.method_queue.defer(self.log.warning, "Invalid request from %s: %s", client_ip, type(exc).__name__)
            text = "The request could not be parsed as HTTP."
        # The client may have disconnected.
        with suppress(OSError):
            client.sendall(_error_response(status, text))


def drained(app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Call the application, then read and discard the part of the body that it has not read."""
    connection = environ["gunicorn.socket"].connection
    environ[WAITED] = time.monotonic() - connection.begun
    response = app(environ, start_response)
    connection.drain()
    return response
