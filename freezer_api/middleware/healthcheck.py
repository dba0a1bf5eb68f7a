# SPDX-License-Identifier: Apache-2.0
"""Respond to ``/healthcheck`` with oslo.middleware's health check, as an app or as the filter of old paste files.

The backend ``freezer_store`` checks the store. It is disabled by default, because a liveness probe must not fail
when the store does.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import entry_points
from typing import Any
from wsgiref.types import WSGIApplication

from oslo_config import cfg
from oslo_context.context import RequestContext, get_current
from oslo_middleware.exceptions import ConfigInvalid
from oslo_middleware.healthcheck import Healthcheck
from oslo_middleware.healthcheck.opts import DISABLE_BY_FILE_OPTS, HEALTHCHECK_OPTS
from oslo_middleware.healthcheck.pluginbase import HealthcheckBaseExtension, HealthcheckResult

from freezer_api.errors import ConfigurationError, FreezerError
from freezer_api.keystone import options as keystone
from freezer_api.middleware.dispatch import HEALTH, ExactPath
from freezer_api.middleware.responses import refuse
from freezer_api.repository.protocol import Repository

GROUP = "healthcheck"

DISABLED = "/etc/freezer/healthcheck_disable"
"""The file that makes the health check fail, by default."""

_DEFAULTS: dict[str, Any] = {"disable_by_file_path": DISABLED, "backends": ["disable_by_file"]}
"""Defaults of ``[healthcheck]`` that differ from the library's."""

STORE_TIMEOUT = 0.9
"""Seconds that a response waits for the store. Probes expect a response within one second."""

_READY = "freezer_api.ready"
"""The key of the :class:`Readiness` in the settings of the health check."""


def set_defaults() -> None:
    """Set the defaults of this service for the sample configuration file."""
    keystone.set_defaults()
    cfg.set_defaults([*HEALTHCHECK_OPTS, *DISABLE_BY_FILE_OPTS], **_DEFAULTS)


class Health:
    """Creates the health check from the options in ``[healthcheck]``. Raises ``ConfigurationError``."""

    def __init__(self, conf: cfg.ConfigOpts, repository: Repository) -> None:
        for name, value in _DEFAULTS.items():
            conf.set_default(name, value, group=GROUP)
        # Pass the options as settings, because the middleware ignores a paste file's settings if it gets a conf.
        self._options = {name: conf[GROUP][name] for name in conf[GROUP]}
        # An empty value means that the option is not set.
        self._options["backends"] = self._options["backends"] or _DEFAULTS["backends"]
        self._ready = Readiness(repository.check)
        try:
            self.app()
        except (ValueError, ConfigInvalid) as error:
            raise ConfigurationError(f"[{GROUP}] cannot be used: {error}") from None

    def app(self, _global_conf: Mapping[str, str] | None = None, **settings: str) -> WSGIApplication:
        """Return the check as an app. The settings of its paste section take precedence over the options.

        Raises ``ValueError`` if a setting is invalid.
        """
        return self._create(_not_found, settings)

    def filter(
        self, _global_conf: Mapping[str, str] | None = None, **settings: str
    ) -> Callable[[WSGIApplication], WSGIApplication]:
        """Return the check as a filter, which passes on requests for other paths."""
        return lambda others: ExactPath(HEALTH, self._create(others, settings), others)

    def _create(self, others: WSGIApplication, settings: Mapping[str, str]) -> WSGIApplication:
        options: dict[str, Any] = {**self._options, **settings}
        backends = options["backends"]
        _refuse_unknown(backends if isinstance(backends, list) else backends.split(","))
        app: WSGIApplication = Healthcheck(others, {**options, _READY: self._ready})
        return app


def _refuse_unknown(backends: list[str]) -> None:
    known = entry_points(group=Healthcheck.NAMESPACE).names
    for name in map(str.strip, backends):
        # Refuse unknown backends, because the middleware ignores them.
        if name not in known:
            raise ValueError(f"unknown backend {name}; known backends are {', '.join(sorted(known))}")


def _not_found(_environ: Any, start_response: Any) -> Any:
    """Respond to clients for which the check is disabled, such as those behind a proxy."""
    return refuse(start_response, "404 Not Found", "Not Found", "The requested resource was not found")


class Readiness:
    """Run a check in its own thread, so that a response does not wait longer than ``STORE_TIMEOUT``.

    Concurrent requests share one run.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(1, "health")
        self._running: Future[None] | None = None

    def failure(self) -> str | None:
        """Return why the store is not ready, None if it is."""
        try:
            self._run().result(STORE_TIMEOUT)
        except TimeoutError:
            return "The store does not answer in time"
        except FreezerError as error:
            return str(error)
        return None

    def _run(self) -> "Future[None]":
        with self._lock:
            if self._running is None or self._running.done():
                self._running = self._thread.submit(_check_in_context, self._check, get_current())
            return self._running


def _check_in_context(check: Callable[[], None], context: RequestContext | None) -> None:
    """Run the check in the request's context, so that log lines have the id of the request."""
    if context is not None:
        context.update_store()
    check()


class StoreHealthcheck(HealthcheckBaseExtension):
    """Check that the store responds and has the layout of this release."""

    def healthcheck(self, server_port: int) -> HealthcheckResult:  # noqa: ARG002 - every port has the same store
        readiness: Readiness = self.conf[_READY]
        failure = readiness.failure()
        if failure is not None:
            return HealthcheckResult(available=False, reason="STORE NOT AVAILABLE", details=failure)
        return HealthcheckResult(available=True, reason="OK", details="The store responds")
