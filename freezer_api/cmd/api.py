"""``freezer-api``: the service in the foreground, until a signal."""

import ipaddress
import logging
import socket
import sys
from collections.abc import Sequence

from oslo_config import cfg
from oslo_log import log

import freezer_api
from freezer_api import app, config, stores
from freezer_api.api import middleware as access
from freezer_api.cmd import server
from freezer_api.errors import StartFailed

PROGRAM = "freezer-api"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    conf = cfg.CONF
    config.register(conf)
    config.register_standalone(conf)
    log.register_options(conf)
    # Neither each step of a migration nor, where nobody asked for them, a line for each request.
    quiet = ["alembic=WARN", "elastic_transport=ERROR", f"{access.LOG.name}=WARN"]
    log.set_defaults(default_log_levels=[*log.get_default_log_levels(), *quiet])
    conf.set_default("use_stderr", True)
    try:
        conf(
            sys.argv[1:] if argv is None else argv,
            project="freezer",
            prog=PROGRAM,
            version=freezer_api.__version__,
            default_config_files=config.default_config_files(),
        )
        log.setup(conf, PROGRAM)
        logging.captureWarnings(True)
        _serve(conf)
    except (StartFailed, cfg.Error, log.LogConfigError) as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(conf: cfg.ConfigOpts) -> None:
    if not conf.standalone:
        raise StartFailed("this release serves in standalone mode only, say --standalone")
    app.check(conf)
    host = _loopback(conf)
    port = conf.bind_port if conf.port is None else conf.port
    store = stores.embedded_store(conf.data_dir) if conf.data_dir else stores.store_of(conf)
    store.prepare()
    listener = server.listen(host, port)
    address = server.shown(*listener.getsockname()[:2])
    server.Server(
        listener,
        lambda: _served(conf, store),
        lambda: _announce(address, store),
        workers=conf.workers,
        threads=conf.threads,
    ).run()


def _served(conf: cfg.ConfigOpts, store: stores.Store) -> server.Served:
    repository = store.open(conf.threads)
    return server.Served(app.build_standalone(conf, repository), repository.close)


def _loopback(conf: cfg.ConfigOpts) -> str:
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
        raise StartFailed(
            f"standalone mode believes every token, so it listens on a loopback address only, not on {host}"
        )
    return host


def _announce(address: str, store: stores.Store) -> None:
    print(f"Server listening on {address}")
    print(f"No Keystone: every token is believed, so only this machine is answered. Data is kept in {store}")
    print(f"Try: curl http://{address}/v1/jobs", flush=True)


if __name__ == "__main__":
    sys.exit(main())
