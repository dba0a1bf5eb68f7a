# SPDX-License-Identifier: Apache-2.0
"""The service as an application of gunicorn: an arbiter with the listening socket, and workers with threads.

The arbiter builds the WSGI application before it forks the workers, and builds it again on SIGHUP.
"""

import gc
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from wsgiref.types import WSGIApplication

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from freezer_api.errors import CommandError
from freezer_api.server.arbiter import Arbiter
from freezer_api.server.worker import Worker, drained

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServerConfig:
    """The application, and the validated settings of the server."""

    app: WSGIApplication
    close: Callable[[], None]
    """Closes the store, at the end of a worker or after a reload."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """gunicorn's settings, by name."""
    request_head_timeout: float = 5
    """Seconds in which the request line and all headers have to arrive."""
    request_body_timeout: float = 60
    """Seconds in which the body of a request has to arrive."""
    max_body_size: int = 1024 * 1024
    """Bytes. The application is called before a larger body is received."""


class Log(Logger):  # type: ignore[misc]
    """Log to the log of the service, unless ``[gunicorn] errorlog`` is set."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.propagate = cfg.errorlog is None
        self.error_log.parent = logging.getLogger("freezer_api")


class Server(BaseApplication):  # type: ignore[misc]
    """Serves on the socket ``listener``, and closes it at the end.

    The arbiter calls ``on_ready`` once it handles signals, and ``build`` on SIGHUP for the new configuration.
    """

    def __init__(
        self,
        listener: socket.socket,
        config: ServerConfig,
        *,
        on_ready: Callable[[], None] = lambda: None,
        build: Callable[[], ServerConfig] | None = None,
    ) -> None:
        # Detach the descriptor, because gunicorn closes it itself.
        self._descriptor = listener.detach()
        self.config = config
        self._build = build or (lambda: config)
        self.on_ready = on_ready
        super().__init__()

    def load_config(self) -> None:
        settings: dict[str, Any] = {
            **self.config.settings,
            "bind": f"fd://{self._descriptor}",
            "worker_class": Worker,
            "logger_class": Log,
            "proc_name": "freezer-api",
            # Do not open the socket for commands to the arbiter, which the service does not use.
            "control_socket_disable": True,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        # Objects that exist now live as long as the worker: exclude them from garbage collection.
        gc.freeze()
        return partial(drained, self.config.app)

    def run(self) -> None:
        Arbiter(self).run()

    def rebuild(self) -> bool:
        """Build from the current configuration. If that fails, keep the application and return False."""
        previous = self.config
        try:
            self.config = self._build()
        except (Exception, SystemExit) as error:
            # oslo.config ends the process for a few invalid values, with a line on stderr.
            reason = "a value is invalid, see stderr" if isinstance(error, SystemExit) else error
            trace = None if isinstance(error, CommandError | SystemExit) else error
            LOG.error("Reload failed, keeping the current configuration: %s", reason, exc_info=trace)  # noqa: TRY400
            return False
        previous.close()
        return True


def listen(host: str, port: int, backlog: int = 2048) -> socket.socket:
    """Return a listening socket; at ``::`` it accepts IPv4 too. Raises ``CommandError``."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        both = address[0] == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(address[:2], family=family, backlog=backlog, dualstack_ipv6=both)
    except OSError as error:
        # Remove the address that Python appends to the message.
        reason = str(error.strerror).partition(" (while ")[0]
        raise CommandError(f"cannot listen on {format_address(host, port)}: {reason}") from None


def format_address(host: str, port: int) -> str:
    """Return an address as it is written in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
