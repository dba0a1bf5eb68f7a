"""The service under gunicorn: a master with the listening socket, workers with threads."""

import gc
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker

from freezer_api.api.errors import error_body
from freezer_api.api.middleware import WSGIApp
from freezer_api.errors import StartFailed

MOST_WORKERS = 4
KEEPALIVE = 75
"""Seconds that an idle connection stays open: longer than schedulers usually wait between two polls."""


@dataclass(frozen=True)
class Served:
    """What one worker process serves, and what it does at its end."""

    app: WSGIApp
    close: Callable[[], None]


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
    """gunicorn's worker with threads; what never reaches the application is answered in JSON as well."""

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        super().handle_error(req, _JSONErrors(client), addr, exc)


class Server(BaseApplication):  # type: ignore[misc]
    """Serves on ``listener``, which it takes over.

    ``build`` is called in every worker, after the fork; ``ready`` in the master once signals end it in order.
    """

    def __init__(
        self,
        listener: socket.socket,
        build: Callable[[], Served],
        ready: Callable[[], None] = lambda: None,
        *,
        workers: int | None,
        threads: int,
    ) -> None:
        # gunicorn closes the descriptor itself.
        self._descriptor = listener.detach()
        self._build = build
        self._ready = ready
        self._workers = workers or min(os.cpu_count() or 1, MOST_WORKERS)
        self._threads = threads
        self._served: Served | None = None
        super().__init__()

    def load_config(self) -> None:
        settings: dict[str, Any] = {
            "bind": f"fd://{self._descriptor}",
            "workers": self._workers,
            "threads": self._threads,
            "worker_class": Worker,
            "keepalive": KEEPALIVE,
            "graceful_timeout": 25,
            "timeout": 60,
            "limit_request_line": 8190,
            "forwarded_allow_ips": "",
            "loglevel": "warning",
            "proc_name": "freezer-api",
            "when_ready": lambda _arbiter: self._ready(),
            "worker_exit": lambda _arbiter, _worker: self._close(),
            # A socket for commands to the master, which nobody here gives.
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApp:
        self._served = self._build()
        # What is there now stays to the end: the collector need not look through it again and again.
        gc.freeze()
        return self._served.app

    def _close(self) -> None:
        if self._served is not None:
            self._served.close()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; ``StartFailed`` says why there is none."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        raise StartFailed(f"cannot listen on {shown(host, port)}: {error.strerror}") from None


def shown(host: str, port: int) -> str:
    """An address as it is written in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
