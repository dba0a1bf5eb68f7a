"""``freezer-api``: the service in the foreground, until a signal."""

import ipaddress
import socket
import sys
from collections.abc import Callable, Sequence
from functools import partial

from oslo_config import cfg

from freezer_api import app, stores
from freezer_api.api import middleware as access
from freezer_api.cmd import server, start
from freezer_api.errors import StartFailed


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    conf = cfg.CONF
    try:
        start.configure(conf, sys.argv[1:] if argv is None else argv)
        if conf.standalone:
            # No line for each request, where nobody asked for it.
            start.begin(conf, f"{access.LOG.name}=WARN")
            _serve_standalone(conf)
        else:
            start.begin(conf)
            _serve(conf)
    except StartFailed as error:
        print(f"{start.PROGRAM}: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(conf: cfg.ConfigOpts) -> None:
    store = start.store(conf)
    stores.warn_of_embedded(store)
    repository = store.open(conf.threads)
    built = app.build(conf, repository)
    host = conf.bind_host
    if built.loopback_only:
        host = _loopback(conf, "there is no authtoken in the pipeline")
    store.prepare()
    listener = server.listen(host, conf.bind_port)
    _run(conf, listener, server.Served(built.app, repository.close), _announce)


def _serve_standalone(conf: cfg.ConfigOpts) -> None:
    store = start.store(conf)
    repository = store.open(conf.threads)
    built = app.build_standalone(conf, repository)
    host = _loopback(conf, "standalone mode believes every token")
    store.prepare()
    listener = server.listen(host, conf.bind_port if conf.port is None else conf.port)
    served = server.Served(built, repository.close)
    _run(conf, listener, served, lambda address: _announce_standalone(address, store))


def _run(
    conf: cfg.ConfigOpts,
    listener: socket.socket,
    served: server.Served,
    announce: Callable[[str], None],
) -> None:
    address = server.shown(*listener.getsockname()[:2])
    ready = partial(announce, address)
    server.Server(listener, lambda: served, ready, workers=conf.workers, threads=conf.threads).run()


def _loopback(conf: cfg.ConfigOpts, reason: str) -> str:
    """The address to listen on; ``StartFailed`` for one that others can reach."""
    location = conf.get_location("bind_host")
    if location is None or location.location is cfg.Locations.opt_default:
        return "127.0.0.1"
    host: str = conf.bind_host
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError as error:
        raise StartFailed(f"cannot listen on {host}: {error.strerror}") from None
    if not all(ipaddress.ip_address(address).is_loopback for address in found):
        raise StartFailed(f"{reason}, so it listens on a loopback address only, not on {host}")
    return host


def _announce(address: str) -> None:
    print(f"Server listening on {address}", flush=True)


def _announce_standalone(address: str, store: stores.Store) -> None:
    print(f"Server listening on {address}")
    print(f"No Keystone: every token is believed, so only this machine is answered. Data is kept in {store}")
    print(f"Try: curl http://{address}/v1/jobs", flush=True)


if __name__ == "__main__":
    sys.exit(main())
