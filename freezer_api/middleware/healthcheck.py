"""What answers ``/healthcheck``: oslo.middleware's health check, as an app or as the filter of old paste files.

The store's part in it is for those who ask for it, by ``backends = disable_by_file, freezer_store``. It is off by
default: who asks whether the process lives must not be told that the store does not.
"""

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.metadata import entry_points
from typing import Any
from wsgiref.types import WSGIApplication

from oslo_config import cfg
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
"""The file that takes the service out of rotation, where no other is named."""

_DEFAULTS: dict[str, Any] = {"disable_by_file_path": DISABLED, "backends": ["disable_by_file"]}
"""Defaults of ``[healthcheck]`` that differ from the library's."""

PATIENCE = 0.9
"""Seconds that an answer waits for the store: probes want theirs within one."""

_READY = "freezer_api.ready"
"""The setting of the health check that asks the store."""


def set_defaults() -> None:
    """Let the sample of the configuration file show the defaults of this service."""
    keystone.set_defaults()
    cfg.set_defaults([*HEALTHCHECK_OPTS, *DISABLE_BY_FILE_OPTS], **_DEFAULTS)


class Health:
    """The health of one service, by the options of ``[healthcheck]`` as they are now."""

    def __init__(self, conf: cfg.ConfigOpts, repository: Repository) -> None:
        for name, value in _DEFAULTS.items():
            conf.set_default(name, value, group=GROUP)
        # Handed over by hand: given a conf, the middleware would take no settings of a paste file.
        self._options = {name: conf[GROUP][name] for name in conf[GROUP]}
        # What is empty is not set.
        self._options["backends"] = self._options["backends"] or _DEFAULTS["backends"]
        self._ready = Readiness(repository.check)
        try:
            self.app()
        except (ValueError, ConfigInvalid) as error:
            raise ConfigurationError(f"[{GROUP}] cannot be used: {error}") from None

    def app(self, _global_conf: Mapping[str, str] | None = None, **settings: str) -> WSGIApplication:
        """The check as an app; the settings of a paste file win. ``ValueError`` says what cannot be."""
        return self._made(_not_found, settings)

    def filter(
        self, _global_conf: Mapping[str, str] | None = None, **settings: str
    ) -> Callable[[WSGIApplication], WSGIApplication]:
        """The same as a filter, which leaves everything else to what is behind it."""
        return lambda others: ExactPath(HEALTH, self._made(others, settings), others)

    def _made(self, others: WSGIApplication, settings: Mapping[str, str]) -> WSGIApplication:
        options: dict[str, Any] = {**self._options, **settings}
        backends = options["backends"]
        _refuse_unknown(backends if isinstance(backends, list) else backends.split(","))
        made: WSGIApplication = Healthcheck(others, {**options, _READY: self._ready})
        return made


def _refuse_unknown(backends: list[str]) -> None:
    known = entry_points(group=Healthcheck.NAMESPACE).names
    for name in map(str.strip, backends):
        # The middleware would leave it out.
        if name not in known:
            raise ValueError(f"there is no backend {name}, only {', '.join(sorted(known))}")


def _not_found(_environ: Any, start_response: Any) -> Any:
    """For those whom the check is not for."""
    return refuse(start_response, "404 Not Found", "Not Found", "The requested resource was not found")


class Readiness:
    """Whether a check succeeds, in a thread of its own: whatever it waits for, an answer is there in time.

    However many ask at once, it runs once.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._process = 0
        self._thread: ThreadPoolExecutor
        self._running: Future[None] | None = None

    def trouble(self) -> str | None:
        """Why the store is not ready, None when it is."""
        try:
            self._asked().result(PATIENCE)
        except TimeoutError:
            return "The store does not answer in time"
        except FreezerError as error:
            return str(error)
        return None

    def _asked(self) -> "Future[None]":
        with self._lock:
            if self._process != os.getpid():
                # A forked process has none of its parent's threads.
                self._process = os.getpid()
                self._thread, self._running = ThreadPoolExecutor(1, "health"), None
            if self._running is None or self._running.done():
                self._running = self._thread.submit(self._check)
            return self._running


class StoreHealthcheck(HealthcheckBaseExtension):
    """Whether the store answers, and its layout is the one of this release."""

    def healthcheck(self, server_port: int) -> HealthcheckResult:  # noqa: ARG002 - every port has the same store
        readiness: Readiness = self.conf[_READY]
        trouble = readiness.trouble()
        if trouble is not None:
            return HealthcheckResult(available=False, reason="STORE NOT AVAILABLE", details=trouble)
        return HealthcheckResult(available=True, reason="OK", details="The store is there")
