"""The service under gunicorn: a master with the listening socket, workers with threads.

What the worker processes serve is made in the master, which forks them, and made anew there on SIGHUP.
"""

import gc
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import WSGIApplication

from gunicorn.app.base import BaseApplication

from freezer_api.errors import CommandError
from freezer_api.server.arbiter import Master
from freezer_api.server.log import Log
from freezer_api.server.worker import Worker

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Served:
    """What worker processes serve, what they do at their end, and gunicorn's settings, which have been checked.

    The timeouts are those of ``[api]``, in seconds; larger bodies than ``max_body_size`` are not waited for.
    """

    app: WSGIApplication
    close: Callable[[], None]
    settings: Mapping[str, Any] = field(default_factory=dict)
    request_head_timeout: float = 5
    request_body_timeout: float = 60
    max_body_size: int = 1024 * 1024


class Server(BaseApplication):  # type: ignore[misc]
    """Serves on ``listener``, which it takes over.

    ``ready`` is called in the master once signals end it in order. ``again`` reads the configuration anew on
    SIGHUP, at first in a process of its own, and then in the master; what it raises leaves everything as it was.
    """

    def __init__(
        self,
        listener: socket.socket,
        served: Served,
        *,
        ready: Callable[[], None] = lambda: None,
        again: Callable[[], Served] | None = None,
    ) -> None:
        # gunicorn closes the descriptor itself.
        self._descriptor = listener.detach()
        self._served = served
        self._again = again or (lambda: served)
        self.ready = ready
        super().__init__()

    def load_config(self) -> None:
        settings: dict[str, Any] = {
            **self._served.settings,
            "bind": f"fd://{self._descriptor}",
            "worker_class": Worker,
            "logger_class": Log,
            "proc_name": "freezer-api",
            # A socket for commands to the master, which nobody here gives.
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        # What is there now stays to the end: the collector need not look through it again and again.
        gc.freeze()
        return self._served.app

    @property
    def request_head_timeout(self) -> float:
        """Seconds."""
        return self._served.request_head_timeout

    @property
    def request_body_timeout(self) -> float:
        """Seconds."""
        return self._served.request_body_timeout

    @property
    def max_body_size(self) -> int:
        """Bytes."""
        return self._served.max_body_size

    def run(self) -> None:
        Master(self).run()

    def close(self) -> None:
        """At the end of a worker process."""
        self._served.close()

    def rehearse(self) -> None:
        """Do what :meth:`renew` will do, in a process that is thrown away."""
        self._again()

    def renew(self) -> None:
        """Let the workers to come serve what the configuration says now."""
        before, self._served = self._served, self._again()
        before.close()


def listen(host: str, port: int, backlog: int = 2048) -> socket.socket:
    """A listening socket, at ``::`` for IPv4 too; ``CommandError`` says why there is none."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        both = address[0] == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(address[:2], family=family, backlog=backlog, dualstack_ipv6=both)
    except OSError as error:
        # Python appends the address in its own notation.
        reason = str(error.strerror).partition(" (while ")[0]
        raise CommandError(f"cannot listen on {shown(host, port)}: {reason}") from None


def shown(host: str, port: int) -> str:
    """An address as it is written in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
