"""The applications that paste files and WSGI servers name. They decide nothing: what they make is ``app.Parts``.

A paste file is loaded by ``freezer-api`` or by :func:`initialize_app`, which hand it the parts.
"""

import atexit
from contextlib import suppress
from importlib import import_module
from typing import Any
from wsgiref.types import WSGIApplication

from oslo_config import cfg

from freezer_api import app, bootstrap, stores
from freezer_api.api.versions import PARTS
from freezer_api.middleware.request_log import Mounts


def initialize_app(conf: cfg.ConfigOpts | None = None, name: str = "main") -> WSGIApplication:
    """The service for a WSGI server, as the section ``name`` of the paste file composes it.

    Without a ``conf`` the configuration is read, though not the command line, which is the server's.
    ``CommandError`` says what is wrong, as a line on stderr does when it is read here.
    """
    if conf is None:
        with bootstrap.refusing(cfg.CONF):
            bootstrap.configure(cfg.CONF, [])
            bootstrap.begin(cfg.CONF)
            return _initialized(cfg.CONF, name)
    return _initialized(conf, name)


def worker_threads() -> int | None:
    """Return the number of threads of each worker process, None if the server does not tell it."""
    for module, name in (("uwsgi", "cores"), ("mod_wsgi", "threads_per_process")):
        # Both modules exist only inside their server.
        with suppress(ImportError):
            return int(getattr(import_module(module), name))
    return None


def _initialized(conf: cfg.ConfigOpts, name: str) -> WSGIApplication:
    store = bootstrap.store(conf)
    stores.warn_of_embedded(store)
    store.prepare()
    repository = store.open(conf.threads)
    atexit.register(repository.close)
    return app.build(conf, repository, name, threads=worker_threads()).app


def freezer_app_factory(global_conf: dict[str, Any], **_settings: str) -> WSGIApplication:
    """All versions and ``GET /``, at the root."""
    made: WSGIApplication = global_conf[PARTS].whole()
    return made


def freezer_appv1_factory(global_conf: dict[str, Any], **_settings: str) -> WSGIApplication:
    """Version 1, for a mount."""
    made: WSGIApplication = global_conf[PARTS].version("/v1")
    return made


def freezer_appv2_factory(global_conf: dict[str, Any], **_settings: str) -> WSGIApplication:
    """Version 2, for a mount."""
    made: WSGIApplication = global_conf[PARTS].version("/v2")
    return made


def root_app_factory(loader: Any, global_conf: dict[str, Any], **mounts: str) -> WSGIApplication:
    """Requests by their path: each setting is a path and the name of the section whose app is there.

    A version that is switched off is not there, and its section is never looked at.
    """
    parts = global_conf[PARTS]
    root = mounts.pop("/", None)
    apps = {
        path.rstrip("/"): loader.get_app(name, global_conf=global_conf)
        for path, name in mounts.items()
        if path.rstrip("/") not in ("/v1", "/v2") or parts.offers(path.rstrip("/"))
    }
    return Mounts(apps, parts.versions() if root is None else loader.get_app(root, global_conf=global_conf))
