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

from freezer_api.errors import CommandError
from freezer_api.server.arbiter import Arbiter
from freezer_api.server.log import Log
from freezer_api.server.worker import Worker, drained

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ServerConfig:
    """What the workers serve, and the settings of the server, which have been validated."""

    app: WSGIApplication
    close: Callable[[], None]
    """Called at the end of a process that had the application."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """gunicorn's settings."""
    request_head_timeout: float = 5
    """Seconds."""
    request_body_timeout: float = 60
    """Seconds."""
    max_body_size: int = 1024 * 1024
    """Bytes; the server does not wait for the end of a larger body."""


class Server(BaseApplication):  # type: ignore[misc]
    """Serve on ``listener``, which it takes over.

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
        # gunicorn closes the descriptor itself.
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
            # A socket for commands to the arbiter, which the service does not use.
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
        """Build from the current configuration. Return False, and keep what is served, if that fails."""
        previous = self.config
        try:
            self.config = self._build()
        except (CommandError, SystemExit) as error:
            # oslo.config ends the process for a few invalid values, with a line on stderr.
            reason = "reading it ended unexpectedly" if isinstance(error, SystemExit) else error
            LOG.error("Reload failed, keeping the current configuration: %s", reason)  # noqa: TRY400
            return False
        except Exception as error:
            LOG.exception("Reload failed, keeping the current configuration: %s", error)  # noqa: TRY401
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
        # Python appends the address in its own notation.
        reason = str(error.strerror).partition(" (while ")[0]
        raise CommandError(f"cannot listen on {format_address(host, port)}: {reason}") from None


def format_address(host: str, port: int) -> str:
    """Return an address as it is written in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
