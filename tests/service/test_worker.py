# SPDX-License-Identifier: Apache-2.0
"""The worker, run in this process, with slow, malformed and disconnecting clients."""

import gc
import http.client
import logging
import os
import signal
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from gunicorn.workers import gthread

from freezer_api.server import connections, worker
from freezer_api.server.application import Server, ServerConfig, listen
from freezer_api.server.worker import Worker
from tests.hosting.certificates import make_certificates
from tests.support.http_client import read_all

WAIT_TIMEOUT = 30.0
"""Seconds that a test waits for a condition before it fails."""
SHORT_TIMEOUT = 0.5
"""Seconds of the timeouts that are expected to expire in a test."""
MAX_BODY_SIZE = 200_000
"""Bytes."""
BIG_SIZE = 16 * 1024 * 1024
"""Bytes of a response that does not fit into the socket buffers."""


class App:
    """A WSGI application with one path for each behaviour."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        """Released by each request for ``/gate``, which then waits for ``gate``."""
        self.gate = threading.Event()
        self.closed = False

    def close(self) -> None:
        self.closed = True

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        status, text = "200 OK", b"whole"
        match environ["PATH_INFO"]:
            case "/echo":
                try:
                    text = environ["wsgi.input"].read()
                except OSError:
                    status, text = "408 Request Timeout", b"late"
            case "/gate":
                self.entered.release()
                assert self.gate.wait(WAIT_TIMEOUT)
            case "/refused":
                status, text = "401 Unauthorized", b"refused"
            case "/big":
                text = b"b" * BIG_SIZE
            case "/broken":
                raise RuntimeError("broken")
            case "/bad-header":
                start(status, [("X-Bad", "a\nb")])
        start(status, [("Content-Length", str(len(text)))])
        return [text]


class ThreadedWorker(Worker):
    """A worker for a thread, where signal handlers cannot be set. It checks its timeouts often."""

    def init_signals(self) -> None:
        pass

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        super().wait_for_and_dispatch_events(min(timeout, 0.02))


class Running:
    """A worker and its clients."""

    def __init__(
        self, kind: type[Worker] = ThreadedWorker, context: ssl.SSLContext | None = None, **options: Any
    ) -> None:
        listener = listen("127.0.0.1", 0)
        self.port = listener.getsockname()[1]
        descriptor = listener.fileno()
        self.app = App()
        settings = {"threads": 2, "errorlog": None, "limit_request_line": 8190, **options.pop("settings", {})}
        served = ServerConfig(self.app, self.app.close, settings, max_body_size=MAX_BODY_SIZE, **options)
        server = Server(listener, served)
        listener = socket.socket(fileno=descriptor)
        listener.setblocking(False)
        log = server.cfg.logger_class(server.cfg)
        self.worker = kind(0, os.getppid(), [listener], server, 30, server.cfg, log)
        self._listener = listener
        self._context = context
        self._wires: list[socket.socket] = []
        self._thread = threading.Thread(target=self.worker.init_process)

    def start(self) -> "Running":
        self._thread.start()
        return self

    def connect(self, sent: bytes = b"", read_buffer: int | None = None) -> socket.socket:
        wire = socket.socket()
        self._wires.append(wire)
        if read_buffer is not None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_buffer)
        wire.settimeout(WAIT_TIMEOUT)
        wire.connect(("127.0.0.1", self.port))
        if self._context is not None:
            wire = self._context.wrap_socket(wire, server_hostname="127.0.0.1")
            self._wires.append(wire)
        wire.sendall(sent)
        return wire

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + WAIT_TIMEOUT
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def wait_received(self, wire: socket.socket) -> None:
        """Wait until the worker has received the beginning of a request on this connection."""
        address = wire.getsockname()
        self.until(lambda: any(c.client == address and not c.is_silent for c in [*self.worker.pending_conns]))

    def wait_idle(self) -> None:
        """Wait until the worker has no connection."""
        self.until(lambda: self.worker.nr_conns == 0)
        assert not self.worker.pending_conns

    def wait_unsent(self) -> None:
        """Wait until a response is partly sent and the worker waits for the client to read it."""
        self.until(lambda: any(connection.sock.unsent for connection in [*self.worker.pending_conns]))

    def stop(self) -> None:
        self.worker.handle_exit(signal.SIGTERM, None)

    def end(self) -> None:
        self.app.gate.set()
        for wire in self._wires:
            wire.close()
        if self._thread.is_alive():
            self.stop()
            self._thread.join(WAIT_TIMEOUT)
            assert not self._thread.is_alive()
        for descriptor in self.worker.PIPE:
            os.close(descriptor)
        self.worker.tmp.close()
        self._listener.close()


@pytest.fixture
def run(monkeypatch) -> Iterator[Callable[..., Running]]:
    """Create workers, and end them with the test."""
    log = logging.getLogger("gunicorn.error")
    for name in ("propagate", "parent", "level"):
        monkeypatch.setattr(log, name, getattr(log, name))
    # A worker with an idle connection needs at least this long to stop.
    monkeypatch.setattr(gthread, "STOP_KEEPALIVE_LINGER", 0.05)
    with ExitStack() as stack:

        def create(*args: Any, **options: Any) -> Running:
            running = Running(*args, **options)
            stack.callback(running.end)
            return running

        yield create
    gc.unfreeze()


@pytest.fixture
def served(run) -> Running:
    return run().start()


@pytest.fixture
def impatient(run) -> Running:
    return run(request_head_timeout=2 * SHORT_TIMEOUT, request_body_timeout=SHORT_TIMEOUT).start()


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, Any]:
    """Return the options of a worker with TLS."""
    make_certificates(tmp_path)
    files = {"certfile": str(tmp_path / "server.pem"), "keyfile": str(tmp_path / "server.key")}
    return {"context": ssl.create_default_context(cafile=str(tmp_path / "ca.pem")), "settings": files}


@pytest.fixture
def tls(run, certificates: dict[str, Any]) -> Running:
    return run(**certificates).start()


def post(path: str, *lines: str, body: bytes = b"", method: str = "POST") -> bytes:
    length = f"Content-Length: {len(body)}" if body else ""
    named = [line for line in ("Host: localhost", length, *lines) if line]
    return "\r\n".join((f"{method} {path} HTTP/1.1", *named, "", "")).encode() + body


def chunked(path: str, *chunks: bytes) -> bytes:
    """Return a request without the last chunk of its body."""
    pieces = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return post(path, "Transfer-Encoding: chunked") + pieces


LAST = b"0\r\n\r\n"
CLOSE = "Connection: close"


def answer(wire: socket.socket) -> tuple[int, bytes]:
    """Return status and body of the next response."""
    response = http.client.HTTPResponse(wire)
    response.begin()
    text = response.read()
    response.close()
    return response.status, text


def status_of(text: bytes) -> int:
    return int(text.split(maxsplit=2)[1])


def reset(wire: socket.socket) -> None:
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


# --- Requests that are served.


def test_kept_connection_serves_several_requests(served: Running) -> None:
    wire = served.connect()
    for body in (b"one", b"t" * 100_000, b"three"):
        wire.sendall(post("/echo", body=body))
        assert answer(wire) == (200, body)
        served.until(lambda: served.worker.keepalived_conns)
    wire.close()
    served.wait_idle()


def test_pipelined_requests_are_answered_in_their_order(served: Running) -> None:
    wire = served.connect(post("/echo", body=b"first") + post("/echo", body=b"second")[:-3])
    assert answer(wire) == (200, b"first")
    wire.sendall(b"ond" + post("/echo", CLOSE, body=b"third"))
    text = read_all(wire)
    assert text.index(b"second") < text.index(b"third")
    served.wait_idle()


def test_request_that_arrives_in_pieces_is_served(served: Running) -> None:
    whole = post("/echo", CLOSE, body=b"pieces")
    wire = served.connect(whole[:1])
    served.wait_received(wire)
    for byte in whole[1:]:
        wire.sendall(bytes((byte,)))
    assert status_of(read_all(wire)) == 200


@pytest.mark.parametrize("size", [1000, 100_000, MAX_BODY_SIZE + 1])
def test_body_that_arrives_after_the_head_is_served(served: Running, size: int) -> None:
    body = b"x" * size
    whole = post("/echo", body=body)
    wire = served.connect(whole[:-500])
    served.until(lambda: served.worker.nr_conns)
    wire.sendall(whole[-500:])
    assert answer(wire) == (200, body)
    wire.close()
    served.wait_idle()


def test_body_above_the_memory_limit_is_received_in_a_thread(served: Running, monkeypatch) -> None:
    monkeypatch.setattr(worker, "MAX_RECEIVED_SIZE", 150_000)
    body = b"x" * 100_000
    whole = post("/echo", body=body)
    first = served.connect(whole[:-1])
    served.wait_received(first)
    second = served.connect(whole[:-1])
    served.until(lambda: served.worker._body_pool._threads)
    for wire in (first, second):
        wire.sendall(whole[-1:])
        assert answer(wire) == (200, body)
        wire.close()
    served.wait_idle()


def test_chunked_body_is_served(served: Running) -> None:
    wire = served.connect(chunked("/echo", b"one ", b"two"))
    served.until(lambda: served.worker._body_pool._threads)
    wire.sendall(b"6\r\n three\r\n" + LAST)
    assert answer(wire) == (200, b"one two three")


def test_expect_is_answered_before_the_body(served: Running) -> None:
    wire = served.connect(post("/echo", "Expect: 100-continue", "Content-Length: 4"))
    expected = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert wire.recv(len(expected)) == expected
    wire.sendall(b"body")
    assert answer(wire) == (200, b"body")


def test_chunked_bodies_wait_for_a_thread(served: Running) -> None:
    first = served.connect(chunked("/gate") + LAST)
    assert served.app.entered.acquire(timeout=WAIT_TIMEOUT)
    second = served.connect(chunked("/echo", b"second") + LAST)
    served.until(served.worker._body_pool._work_queue.qsize)
    served.app.gate.set()
    assert answer(first) == (200, b"whole")
    assert answer(second) == (200, b"second")
    for wire in (first, second):
        wire.close()
    served.wait_idle()


def test_health_check_does_not_wait_for_threads(served: Running) -> None:
    for _ in range(2):
        served.connect(post("/gate", method="GET"))
        assert served.app.entered.acquire(timeout=WAIT_TIMEOUT)
    wire = served.connect(post("/healthcheck", method="GET"))
    assert answer(wire) == (200, b"whole")


# --- Requests that are refused.


@pytest.mark.parametrize(
    ("sent", "status"), [(b"", b""), (b"GET / HT", b"HTTP/1.1 408"), (post("/", body=b"ab")[:-1], b"HTTP/1.1 408")]
)
def test_request_begun_but_incomplete_at_its_timeout_is_408(
    impatient: Running, sent: bytes, status: bytes
) -> None:
    assert read_all(impatient.connect(sent))[:12] == status
    impatient.wait_idle()


def test_body_that_waits_too_long_for_a_thread_is_408(impatient: Running) -> None:
    impatient.connect(chunked("/gate") + LAST)
    assert impatient.app.entered.acquire(timeout=WAIT_TIMEOUT)
    wire = impatient.connect(chunked("/echo", b"x"))
    impatient.until(impatient.worker._body_pool._work_queue.qsize)
    impatient.app.gate.set()
    assert status_of(read_all(wire)) == 408


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET /" + b"x" * 9000, 414),
        (b"GET / HTTP/1.1\r\n" + b"X-A: 1\r\n" * 10_000, 431),
        (post("/bad-header"), 500),
        (post("/broken"), 500),
    ],
)
def test_error_is_answered_in_json(served: Running, sent: bytes, status: int) -> None:
    text = read_all(served.connect(sent))
    assert status_of(text) == status
    assert b"application/json" in text
    served.wait_idle()


# --- Clients that disconnect.


@pytest.mark.parametrize("disconnect", [socket.socket.close, reset])
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        post("/echo", body=b"x" * 1000)[:-1],
        post("/echo", body=b"x" * 100_000)[:-1],
        chunked("/echo", b"x"),
        post("/refused", "Content-Length: 8000000"),
    ],
)
def test_connection_is_closed_if_the_client_disconnects_in_its_request(
    served: Running, sent: bytes, disconnect: Callable[..., None]
) -> None:
    wire = served.connect(sent)
    served.until(lambda: served.worker.nr_conns)
    disconnect(wire)
    served.wait_idle()


def test_connection_is_closed_after_a_half_closed_incomplete_request(served: Running) -> None:
    for sent in (b"GET / HT", post("/echo", body=b"x" * 1000)[:-1], chunked("/echo", b"x")):
        wire = served.connect(sent)
        wire.shutdown(socket.SHUT_WR)
        read_all(wire)
    served.wait_idle()


def test_connection_is_closed_if_the_client_resets_before_the_response(served: Running) -> None:
    wires = [served.connect(post("/gate")) for _ in range(2)]
    for wire in wires:
        assert served.app.entered.acquire(timeout=WAIT_TIMEOUT)
        reset(wire)
    served.app.gate.set()
    served.wait_idle()


def test_connection_is_closed_if_the_client_resets_within_the_response(served: Running) -> None:
    wire = served.connect(post("/big"), read_buffer=4096)
    served.wait_unsent()
    reset(wire)
    served.wait_idle()


# --- Clients that read slowly.


@pytest.mark.parametrize("kind", ["served", "tls"])
def test_slow_reader_gets_the_whole_response(request: pytest.FixtureRequest, kind: str) -> None:
    running: Running = request.getfixturevalue(kind)
    wire = running.connect(post("/big"), read_buffer=4096)
    running.wait_unsent()
    status, text = answer(wire)
    assert (status, len(text)) == (200, BIG_SIZE)


def test_client_that_does_not_read_is_disconnected(served: Running, monkeypatch) -> None:
    monkeypatch.setattr(worker, "SEND_TIMEOUT", SHORT_TIMEOUT)
    served.connect(post("/big"), read_buffer=4096)
    served.until(lambda: served.worker.nr_conns)
    served.wait_idle()


def test_oldest_slow_reader_is_disconnected_above_the_memory_limit(served: Running, monkeypatch, caplog) -> None:
    monkeypatch.setattr(worker, "MAX_UNSENT_SIZE", BIG_SIZE)
    first = served.connect(post("/big"), read_buffer=4096)
    served.wait_unsent()
    second = served.connect(post("/big"), read_buffer=4096)
    assert len(read_all(first)) < BIG_SIZE
    status, text = answer(second)
    assert (status, len(text)) == (200, BIG_SIZE)
    assert "too slowly" in caplog.text


# --- Bodies that the application leaves unread.


def test_small_unread_body_keeps_the_connection(served: Running) -> None:
    wire = served.connect(post("/refused", body=b"x" * 1000) + post("/echo", CLOSE, body=b"next"))
    text = read_all(wire)
    assert status_of(text) == 401
    assert text.endswith(b"next")


def refused_early(served: Running, monkeypatch) -> socket.socket:
    """Return a connection whose request was answered before its body arrived."""
    monkeypatch.setattr(connections, "DRAIN_TIMEOUT", 0.05)
    wire = served.connect(post("/refused", "Content-Length: 8000000") + b"x")
    response = http.client.HTTPResponse(wire)
    response.begin()
    assert (response.status, response.headers["Connection"]) == (401, "close")
    response.read()
    response.close()
    return wire


def test_early_response_closes_the_connection(served: Running, monkeypatch) -> None:
    wire = refused_early(served, monkeypatch)
    wire.sendall(b"x" * 100_000)
    wire.shutdown(socket.SHUT_WR)
    assert wire.recv(1) == b""
    served.wait_idle()


def test_client_that_does_not_close_after_an_early_response_is_cut_off(served: Running, monkeypatch) -> None:
    monkeypatch.setattr(worker, "DRAIN_TIMEOUT", 0.05)
    refused_early(served, monkeypatch)
    served.wait_idle()


# --- Stops.


def test_stop_serves_established_connections(run) -> None:
    running = run(settings={"graceful_timeout": 300}).start()
    begun = running.connect(post("/gate", method="GET"))
    kept = running.connect(post("/"))
    assert answer(kept) == (200, b"whole")
    silent = running.connect()
    half = running.connect(b"GET / HT")
    running.wait_received(half)
    assert running.app.entered.acquire(timeout=WAIT_TIMEOUT)
    running.stop()
    half.sendall(b"TP/1.1\r\nHost: a\r\n\r\n")
    running.app.gate.set()
    for wire in (begun, half):
        assert status_of(read_all(wire)) == 200
    for wire in (kept, silent):
        assert read_all(wire) == b""
    running.until(lambda: running.app.closed)
    with pytest.raises(ConnectionRefusedError):
        running.connect()


def test_stop_accepts_connections_in_the_queue(run, monkeypatch) -> None:
    running = run()
    wires = [running.connect(post("/", CLOSE)) for _ in range(3)]
    # Simulate a SIGTERM before the worker has accepted a connection.
    monkeypatch.setattr(running.worker, "alive", False)
    running.start()
    assert [status_of(read_all(wire)) for wire in wires] == [200] * 3


@pytest.fixture
def _signals() -> Iterator[None]:
    """Restore the signal settings that a worker changes in its process."""
    handlers = {number: signal.getsignal(number) for number in Worker.SIGNALS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    wakeup = signal.set_wakeup_fd(-1)
    yield
    signal.set_wakeup_fd(wakeup)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


@pytest.mark.usefixtures("_signals")
def test_only_sigterm_stops_the_worker(run) -> None:
    running = run(Worker)
    found = []

    def ask() -> None:
        try:
            with running.connect(post("/")) as wire:
                found.append(answer(wire))
            for number in (signal.SIGHUP, signal.SIGINT):
                os.kill(os.getpid(), number)
            assert running.worker.alive
            os.kill(os.getpid(), signal.SIGTERM)
            running.until(lambda: not running.worker.alive)
        finally:
            # Limit the wait of the main thread for a signal that was not sent or had no effect.
            running.worker.alive = False

    client = threading.Thread(target=ask)
    client.start()
    running.worker.init_process()
    client.join()
    assert found == [(200, b"whole")]
    assert running.app.closed


# --- TLS.


def test_tls_connection_serves_several_requests(tls: Running) -> None:
    wire = tls.connect()
    for body in (b"one", b"t" * 150_000, b"l" * (MAX_BODY_SIZE + 1)):
        wire.sendall(post("/echo", body=body))
        assert answer(wire) == (200, body)
    wire.sendall(post("/echo", body=b"first") + post("/echo", CLOSE, body=b"second"))
    text = read_all(wire)
    assert text.index(b"first") < text.index(b"second")


def test_client_without_tls_gets_no_response(tls: Running) -> None:
    with socket.create_connection(("127.0.0.1", tls.port), WAIT_TIMEOUT) as wire:
        wire.sendall(post("/"))
        assert b"HTTP" not in read_all(wire)
    tls.wait_idle()


@pytest.mark.parametrize("kind", ["served", "tls"])
# Python's ssl module does not close a socket if its handshake failed.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_client_that_is_gone_before_accept_is_ignored(run, certificates: dict[str, Any], kind: str) -> None:
    running = run(**certificates if kind == "tls" else {})
    with socket.create_connection(("127.0.0.1", running.port), WAIT_TIMEOUT) as wire:
        reset(wire)
    running.start()
    assert answer(running.connect(post("/"))) == (200, b"whole")
    running.until(lambda: running.worker.nr_conns == 1)
