# SPDX-License-Identifier: Apache-2.0
"""Create the service for WSGI servers, and re-export the factories of :mod:`freezer_api.compat.paste`."""

import atexit
import sys
from contextlib import suppress
from importlib import import_module
from wsgiref.types import WSGIApplication

from oslo_config import cfg

from freezer_api import app, bootstrap, stores
from freezer_api.compat.paste import (
    freezer_app_factory,
    freezer_appv1_factory,
    freezer_appv2_factory,
    root_app_factory,
)
from freezer_api.errors import CommandError

__all__ = [
    "freezer_app_factory",
    "freezer_appv1_factory",
    "freezer_appv2_factory",
    "initialize_app",
    "root_app_factory",
]


def initialize_app(conf: cfg.ConfigOpts | None = None, name: str = "main") -> WSGIApplication:
    """Return the service as the section ``name`` of the paste file composes it.

    Without ``conf``, read the configuration files, but not the command line, which belongs to the WSGI server.
    Raises ``CommandError``, which is also printed on stderr if the configuration is read here.
    """
    if conf is None:
        try:
            bootstrap.configure(cfg.CONF, [])
            bootstrap.set_up(cfg.CONF)
            return initialize_app(cfg.CONF, name)
        except CommandError as error:
            # Reset the configuration, because some servers load the application again at each request.
            cfg.CONF.reset()
            # Print the error in any case, whatever the destination of the log is.
            sys.stderr.write(f"{bootstrap.PROGRAM}: {error}\n")
            sys.stderr.flush()
            raise error.with_traceback(None) from None
    store = bootstrap.find_store(conf)
    stores.warn_if_embedded(store)
    store.prepare()
    repository = store.open(conf.threads)
    atexit.register(repository.close)
    built = app.build(conf, repository, name, threads=worker_threads()).app
    app.log_start(conf, store)
    return built


def worker_threads() -> int | None:
    """Return the number of threads of each worker process, None if the server does not report it."""
    for module, name in (("uwsgi", "cores"), ("mod_wsgi", "threads_per_process")):
        # The modules uwsgi and mod_wsgi exist only inside their server.
        with suppress(ImportError):
            return int(getattr(import_module(module), name))
    return None
