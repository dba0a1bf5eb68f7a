"""A worker process: threads that answer requests, and an end that leaves none unanswered."""

import errno
import logging
import selectors
import signal
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import falcon
from gunicorn.http import errors as http_errors
from gunicorn.workers.gthread import ThreadWorker

from freezer_api.middleware.request_log import WAITED
from freezer_api.middleware.responses import error_body
from freezer_api.middleware.unread import DRAIN_TIMEOUT, MAX_DRAIN_SIZE
from freezer_api.server.connections import Connection

LOG = logging.getLogger(__name__)

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

HEALTH_THREADS = 2
"""Threads that answer nothing but ``/healthcheck``."""

SMALL_BODY_SIZE = 64 * 1024
"""Bytes; a smaller body always arrives before a thread is occupied."""

MAX_RECEIVED_SIZE = 64 * 1024 * 1024
"""Bytes of larger bodies that a worker receives at once without threads."""

MAX_UNSENT_SIZE = 64 * 1024 * 1024
"""Bytes of responses that a worker keeps for clients that read slowly; beyond, the oldest of these is cut off."""

SEND_TIMEOUT = 30.0
"""Seconds in which a client has to read something of its response."""


def _error_response(status: str, description: str) -> bytes:
    """An error in the API's shape, after which the connection ends."""
    body = error_body(status, description)
    head = (
        f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1") + body


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's worker with threads; what never reaches the application is answered in JSON as well.

    Asked to stop, it takes every connection that was made until then, answers what comes on them, and closes them.

    gunicorn's threads wait for clients: for a head, a body, the reading of a response. Here the main thread does,
    with its poller, and a thread has a request only while the application works on it. The exception are bodies in
    chunks and bodies above the limits for the worker's memory: threads read these, at most half of them at once.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._max_body_readers = max(1, self.cfg.threads // 2)
        self._body_readers = 0
        self._waiting: deque[Connection] = deque()
        """Connections with a head whose body needs a thread."""
        self._reserved = 0
        """Bytes that the connections with a head may still fill with their bodies."""

    def init_process(self) -> None:
        self._health_pool = ThreadPoolExecutor(HEALTH_THREADS, "health")
        super().init_process()

    def init_signals(self) -> None:
        super().init_signals()
        # Terminals send these to every process; the arbiter handles them.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        # The arbiter blocks signals while it forks.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())

    def run(self) -> None:
        try:
            super().run()
        finally:
            self._health_pool.shutdown(wait=False)
            self.app.config.close()

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - the signature is gunicorn's
        super().set_accept_enabled(enabled and self.alive)
        if not enabled and not self.alive:
            # gunicorn closes the socket after the last response; connections established meanwhile are reset then.
            for listener in self.sockets:
                while self._accept(listener):
                    pass
                listener.close()

    def _cap_keepalive(self, deadline: float) -> None:
        super()._cap_keepalive(deadline)
        # Nor are those waited for long that have not sent anything yet.
        for connection in self.pending_conns:
            if connection.is_silent:
                connection.timeout = min(connection.timeout, deadline)

    # --- Receiving: overridden, as gunicorn's versions hand each connection to a thread that waits.

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection, if one is waiting."""
        self._accept(listener)

    def _accept(self, listener: socket.socket) -> bool:
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
        """The next request begins on a connection that was kept."""
        self.poller.unregister(connection.sock)
        self.keepalived_conns.remove(connection)
        self._expect_request(connection)

    def _expect_request(self, connection: Connection) -> None:
        # Most requests have arrived as a whole, so that the poller is not needed.
        if self._receive(connection):
            timeout = (
                self.app.config.request_body_timeout
                if connection.is_admitted
                else self.app.config.request_head_timeout
            )
            self._watch(connection, selectors.EVENT_READ, self._receive, timeout, self._time_out)

    def _receive(self, connection: Connection, _client: Any = None) -> bool:
        """Take what has arrived. Return whether more has to be received here."""
        try:
            connection.receive()
        except OSError:
            self._drop(connection)
            return False
        if connection.is_complete:
            self._unwatch(connection)
            self._dispatch(connection)
            return False
        if connection.has_head and not connection.is_admitted:
            connection.is_admitted = True
            connection.timeout = time.monotonic() + self.app.config.request_body_timeout
            if not self._reserve(connection):
                self._unwatch(connection)
                connection.expire = self._time_out
                self._waiting.append(connection)
                self._dispatch_waiting()
                return False
        return True

    def _reserve(self, connection: Connection) -> bool:
        """Return whether the body is received without a thread."""
        size = connection.body_size
        if size is None or size > max(self.app.config.max_body_size, SMALL_BODY_SIZE):
            return False
        if size > SMALL_BODY_SIZE:
            if self._reserved + size > MAX_RECEIVED_SIZE:
                return False
            connection.reserved = size
            self._reserved += size
        return True

    def _release(self, connection: Connection) -> None:
        self._reserved -= connection.reserved
        connection.reserved = 0

    def _dispatch(self, connection: Connection) -> None:
        self._release(connection)
        connection.begin(time.monotonic() + self.app.config.request_body_timeout)
        self.enqueue_req(connection)

    def enqueue_req(self, connection: Connection) -> None:
        """Hand the request to a thread. The health check does not queue behind requests."""
        pool = self._health_pool if connection.asks_for_health else self.tpool
        future = pool.submit(self.handle, connection)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, connection, done))

    def _dispatch_waiting(self) -> None:
        while self._waiting and self._body_readers < self._max_body_readers:
            connection = self._waiting.popleft()
            connection.has_slot = True
            self._body_readers += 1
            self._dispatch(connection)

    def _time_out(self, connection: Connection) -> None:
        """End a connection whose request did not arrive in time."""
        if connection.is_silent:
            self._drop(connection)
            return
        refusal = _error_response("408 Request Timeout", "The request did not arrive in time.")
        if connection in self._waiting:
            refusal = _error_response("503 Service Unavailable", "Too many bodies arrive slowly, try again later.")
        LOG.info("No complete request from %s in time", connection.client)
        self._unwatch(connection)
        self._release(connection)
        connection.keep = False
        with suppress(OSError):
            connection.sock.sendall(refusal)
        self._send(connection)

    # --- Responding: overridden, as gunicorn's versions wait for the client in a thread, and in the main thread.

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.wsgi: Callable[..., Any] = partial(_drained, self.wsgi)

    def finish_request(self, connection: Connection, future: "Future[Any]") -> None:
        """The thread is done; what the client has not read of the response is sent from here."""
        if connection.has_slot:
            connection.has_slot = False
            self._body_readers -= 1
            self._dispatch_waiting()
        connection.keep = not future.cancelled() and future.exception() is None and bool(future.result())
        self._send(connection)

    def _send(self, connection: Connection) -> None:
        try:
            connection.sock.flush()
        except OSError:
            self._drop(connection)
            return
        if connection.sock.unsent:
            self._watch(connection, selectors.EVENT_WRITE, self._send_more, SEND_TIMEOUT, self._drop)
            self._cut_off_slow_readers()
        elif not connection.keep:
            self._shut_down(connection)
        elif connection.next_request():
            self._expect_request(connection)
        else:
            done: Future[bool] = Future()
            done.set_result(True)
            super().finish_request(connection, done)

    def _send_more(self, connection: Connection, _client: Any) -> None:
        self._unwatch(connection)
        self._send(connection)

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
        """Close the connection when the client has read the response, which an earlier end might take from it."""
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(connection)
            return
        self._watch(connection, selectors.EVENT_READ, self._discard, DRAIN_TIMEOUT, self._drop)

    def _discard(self, connection: Connection, _client: Any) -> None:
        try:
            goes_on = connection.discard()
        except OSError:
            goes_on = False
        if not goes_on or connection.discarded > MAX_DRAIN_SIZE:
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
        elif connection in self._waiting:
            self._waiting.remove(connection)

    def murder_pending(self) -> None:
        # gunicorn's version relies on one timeout for all.
        now = time.monotonic()
        for connection in [*self.pending_conns, *self._waiting]:
            if connection.timeout <= now:
                connection.expire(connection)

    def _drop(self, connection: Connection) -> None:
        self._unwatch(connection)
        self._release(connection)
        self.nr_conns -= 1
        connection.close()

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
        # A client that is gone is not answered.
        with suppress(OSError):
            client.sendall(_error_response(line, text))


def _drained(
    app: Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]],
    environ: WSGIEnvironment,
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Call the application, which has its response ready before it is sent, and read away what it left unread."""
    connection = environ["gunicorn.socket"].connection
    environ[WAITED] = time.monotonic() - connection.begun
    response = app(environ, start_response)
    connection.drain()
    return response
