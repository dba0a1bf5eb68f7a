# SPDX-License-Identifier: Apache-2.0
"""Count the requests that are lost while the server is stopped or reloaded under load.

``python -m bench.stops`` starts the server with a minimal application many times on loopback, several at once,
and sends it SIGTERM, or SIGHUP with ``--reload``, while clients send requests. A request is *lost* if its
connection was established and no complete response came. A reused connection that is closed
without a response is counted separately: HTTP allows that at any time, and clients repeat such a request.
"""

import argparse
import logging
import multiprocessing
import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any

from freezer_api.server.application import Server, ServerConfig, listen

CLIENTS = 4
"""Number of clients of each server. One of them reuses its connection."""

RELOADS = 10
"""Number of signals that are sent to one server with ``--reload``."""

_REQUEST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n%s\r\nbody"
_SETTINGS = {"workers": 2, "threads": 4, "errorlog": "/dev/null", "loglevel": "critical"}


def _app(generation: int, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    environ["wsgi.input"].read()
    time.sleep(0.001)
    body = b"%08d" % generation
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


class _Server:
    """A server in its own process."""

    def __init__(self) -> None:
        listener = listen("127.0.0.1", 0)
        self.port = listener.getsockname()[1]
        self.pid = os.fork()
        if self.pid == 0:
            try:
                logging.disable()
                self._serve(listener)
            finally:
                os._exit(1)
        listener.close()

    def _serve(self, listener: socket.socket) -> None:
        generation = 0

        def build() -> ServerConfig:
            nonlocal generation
            generation += 1
            return ServerConfig(partial(_app, generation), lambda: None, _SETTINGS)

        Server(listener, build(), build=build).run()

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)


class _Client(threading.Thread):
    """Sends requests until no connection can be established."""

    def __init__(self, port: int, *, keep: bool) -> None:
        super().__init__()
        self._port = port
        self._keep = keep
        self.counts: Counter[str] = Counter()
        self.generation = 0
        """The highest generation (number of reloads) of an application that responded."""

    def run(self) -> None:
        wire: socket.socket | None = None
        while True:
            is_new = wire is None
            try:
                wire = wire or socket.create_connection(("127.0.0.1", self._port), timeout=30)
            except ConnectionRefusedError:
                return
            outcome, is_open = self._ask(wire)
            if outcome == "lost" and not is_new:
                outcome = "ended"
            self.counts[outcome] += 1
            if not is_open:
                wire.close()
                wire = None

    def _ask(self, wire: socket.socket) -> tuple[str, bool]:
        found = b""
        with suppress(OSError):
            wire.sendall(_REQUEST % (b"" if self._keep else b"Connection: close\r\n"))
            while data := wire.recv(4096):
                found += data
                head, end, body = found.partition(b"\r\n\r\n")
                if end and len(body) == 8:
                    self.generation = max(self.generation, int(body))
                    return "answered", b"connection: close" not in head.lower()
        return ("cut off" if found else "lost"), False


def _trial(reloads: int, _number: int) -> Counter[str]:
    server = _Server()
    clients = [_Client(server.port, keep=not number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    while not all(client.counts["answered"] for client in clients):
        time.sleep(0.01)
    for number in range(reloads):
        os.kill(server.pid, signal.SIGHUP)
        while max(client.generation for client in clients) < number + 2:
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.1))
    time.sleep(random.uniform(0.2, 0.5))
    server.stop()
    for client in clients:
        client.join()
    return sum((client.counts for client in clients), Counter())


def main() -> None:
    """Parse the arguments, send the requests and print the numbers of lost ones."""
    parser = argparse.ArgumentParser(prog="bench.stops", description=__doc__)
    parser.add_argument("--reload", action="store_true", help="send SIGHUP instead of SIGTERM")
    parser.add_argument("--signals", type=int, default=1000)
    parser.add_argument("--parallel", type=int, default=6, help="number of servers at the same time")
    arguments = parser.parse_args()
    reloads = RELOADS if arguments.reload else 0
    trials = arguments.signals // max(1, reloads)
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(arguments.parallel, mp_context=fork) as pool:
        counts = sum(pool.map(partial(_trial, reloads), range(trials)), Counter())
    print(f"{arguments.signals} signals: {dict(sorted(counts.items()))}")


if __name__ == "__main__":
    main()
