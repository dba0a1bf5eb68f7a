# SPDX-License-Identifier: Apache-2.0
"""``freezer-api``: run the service in the foreground until a signal."""

import ipaddress
import logging
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial

from oslo_config import cfg

from freezer_api import bootstrap, stores
from freezer_api.app import build, build_standalone, log_start
from freezer_api.cmd.process import printed
from freezer_api.errors import CommandError, ConfigurationError
from freezer_api.middleware import request_log
from freezer_api.server import application
from freezer_api.server.settings import server_settings

LOG = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Return the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    conf = cfg.CONF

    def _reload() -> application.ServerConfig:
        """Build the service from the current files. If that fails, set up the log as before."""
        nonlocal conf
        current = cfg.ConfigOpts()
        try:
            _configure(current, arguments)
            address_now, _, config = _build(current)
        except BaseException:
            _log(conf, bootstrap.set_up_logging)
            raise
        if address_now != address:
            LOG.warning("A new address or port takes effect at the next start, not at a reload")
        conf = current
        return config

    try:
        _configure(conf, arguments)
        address, store, config = _build(conf)
        listener = application.listen(*address, config.settings["backlog"])
        shown = application.format_address(*listener.getsockname()[:2])
        announce = partial(_announce, conf, store, shown)
        application.Server(listener, config, on_ready=announce, build=_reload).run()
    except CommandError as error:
        print(f"{bootstrap.PROGRAM}: {error}", file=sys.stderr)
        return 1
    return 0


def _configure(conf: cfg.ConfigOpts, arguments: Sequence[str]) -> None:
    """Read the configuration and set up logging."""
    bootstrap.configure(conf, arguments)
    _log(conf, bootstrap.set_up)


def _log(conf: cfg.ConfigOpts, set_up: Callable[..., None]) -> None:
    # By default standalone mode does not log each request.
    set_up(conf, *[f"{request_log.LOG.name}=WARN"] * conf.standalone)


def _build(conf: cfg.ConfigOpts) -> tuple[tuple[str, int], stores.Store, application.ServerConfig]:
    """Open the store and build the application. Return host and port, the store, and the server's settings."""
    store = bootstrap.find_store(conf)
    if not conf.standalone:
        stores.warn_if_embedded(store)
    with ExitStack() as on_failure:
        repository = store.open(conf.threads)
        on_failure.callback(repository.close)
        port = conf.bind_port
        if conf.standalone:
            app = build_standalone(conf, repository, threads=conf.threads)
            host = _loopback(conf, "standalone mode does not verify tokens")
            port = conf.bind_port if conf.port is None else conf.port
        else:
            app, loopback_only, _ = build(conf, repository, threads=conf.threads)
            host = conf.bind_host
            if loopback_only:
                host = _loopback(conf, "the paste pipeline has no authtoken filter")
        store.prepare()
        config = application.ServerConfig(
            app,
            repository.close,
            server_settings(conf),
            request_head_timeout=conf.api.request_head_timeout,
            request_body_timeout=conf.api.request_body_timeout,
            max_body_size=conf.api.max_body_size,
        )
        on_failure.pop_all()
    return (host, port), store, config


def _loopback(conf: cfg.ConfigOpts, reason: str) -> str:
    """Return the address to listen on. Raises ``CommandError`` if other machines can reach it."""
    location = conf.get_location("bind_host")
    if location is None or location.location is cfg.Locations.opt_default:
        return "127.0.0.1"
    host: str = conf.bind_host
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError as error:
        raise CommandError(f"cannot listen on {host}: {error.strerror}") from None
    if not all(ipaddress.ip_address(address).is_loopback for address in found):
        raise ConfigurationError(f"{reason}, so bind_host must be a loopback address, not {host}")
    return host


def _announce(conf: cfg.ConfigOpts, store: stores.Store, address: str) -> None:
    """Log and print the address."""
    log_start(conf, store, address, has_paste_file=not conf.standalone)
    lines = [f"Server listening on {address}"]
    if conf.standalone:
        scheme = "https" if conf.ssl.cert_file else "http"
        lines += [
            f"No Keystone: tokens are not verified, and only this machine is served. Data is stored in {store}",
            f"Try: curl {scheme}://{address}/v1/jobs",
        ]
    # Start even if stdout cannot be written, for example because it is a file on a full disk.
    with suppress(CommandError), printed():
        print(*lines, sep="\n")


if __name__ == "__main__":
    sys.exit(main())
