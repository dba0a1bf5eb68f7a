"""``freezer-api``: the service in the foreground, until a signal."""

import ipaddress
import logging
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple
from wsgiref.types import WSGIApplication

from oslo_config import cfg

from freezer_api import app, bootstrap, stores
from freezer_api.cmd.output import printed
from freezer_api.errors import CommandError, ConfigurationError
from freezer_api.middleware import request_log as access
from freezer_api.repository.protocol import Repository
from freezer_api.server import application, settings

LOG = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        plan = _plan(arguments)
        listener = application.listen(plan.host, plan.port, plan.served.settings["backlog"])
        address = application.shown(*listener.getsockname()[:2])
        again = partial(_again, arguments, plan)
        application.Server(listener, plan.served, ready=partial(plan.announce, address), again=again).run()
    except CommandError as error:
        print(f"{bootstrap.PROGRAM}: {error}", file=sys.stderr)
        return 1
    return 0


class _Plan(NamedTuple):
    """What the configuration says: where the service listens, what it says then, and what it serves."""

    host: str
    port: int
    announce: Callable[[str], None]
    served: application.Served


def _plan(arguments: Sequence[str]) -> _Plan:
    """Read the configuration, begin to log, and make the application, up to where the address is needed."""
    conf = cfg.CONF
    bootstrap.configure(conf, arguments)
    if conf.standalone:
        # No line for each request, where nobody asked for it.
        bootstrap.set_up(conf, f"{access.LOG.name}=WARN")
        return _standalone(conf)
    bootstrap.set_up(conf)
    return _production(conf)


def _again(arguments: Sequence[str], first: _Plan) -> application.Served:
    cfg.CONF.reset()
    plan = _plan(arguments)
    if plan[:2] != first[:2]:
        LOG.warning("A new address or port counts from the next start on, not from a reload")
    return plan.served


def _production(conf: cfg.ConfigOpts) -> _Plan:
    store = bootstrap.find_store(conf)
    stores.warn_if_embedded(store)
    repository = store.open(conf.threads)
    built = app.build(conf, repository, threads=conf.threads)
    host = conf.bind_host
    if built.loopback_only:
        host = _loopback(conf, "there is no authtoken in the pipeline")
    store.prepare()
    served = _served(conf, built.app, repository)
    return _Plan(host, conf.bind_port, partial(_announce, conf, store), served)


def _standalone(conf: cfg.ConfigOpts) -> _Plan:
    store = bootstrap.find_store(conf)
    repository = store.open(conf.threads)
    built = app.build_standalone(conf, repository, threads=conf.threads)
    host = _loopback(conf, "standalone mode believes every token")
    store.prepare()
    served = _served(conf, built, repository)
    port = conf.bind_port if conf.port is None else conf.port
    return _Plan(host, port, partial(_announce_standalone, conf, store), served)


def _served(conf: cfg.ConfigOpts, app: WSGIApplication, repository: Repository) -> application.Served:
    return application.Served(
        app,
        repository.close,
        settings.settings_of(conf),
        request_head_timeout=conf.api.request_head_timeout,
        request_body_timeout=conf.api.request_body_timeout,
        max_body_size=conf.api.max_body_size,
    )


def _loopback(conf: cfg.ConfigOpts, reason: str) -> str:
    """The address to listen on; ``CommandError`` for one that others can reach."""
    location = conf.get_location("bind_host")
    if location is None or location.location is cfg.Locations.opt_default:
        return "127.0.0.1"
    host: str = conf.bind_host
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError as error:
        raise CommandError(f"cannot listen on {host}: {error.strerror}") from None
    if not all(ipaddress.ip_address(address).is_loopback for address in found):
        raise ConfigurationError(f"{reason}, so it listens on a loopback address only, not on {host}")
    return host


def _announce(conf: cfg.ConfigOpts, store: stores.Store, address: str) -> None:
    app.log_start(conf, store, address)
    _say(f"Server listening on {address}")


def _announce_standalone(conf: cfg.ConfigOpts, store: stores.Store, address: str) -> None:
    app.log_start(conf, store, address, has_paste_file=False)
    scheme = "https" if conf.ssl.cert_file else "http"
    _say(
        f"Server listening on {address}",
        f"No Keystone: every token is believed, so only this machine is answered. Data is kept in {store}",
        f"Try: curl {scheme}://{address}/v1/jobs",
    )


def _say(*lines: str) -> None:
    # It serves though nobody can be told, as where stdout is a file on a full disk.
    with suppress(CommandError), printed():
        print(*lines, sep="\n")


if __name__ == "__main__":
    sys.exit(main())
