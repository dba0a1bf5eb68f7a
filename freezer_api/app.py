# SPDX-License-Identifier: Apache-2.0
"""The composition root: the only place that connects resources, operations, store and middleware."""

import logging
import time
import uuid
from functools import partial
from typing import Any
from wsgiref.types import WSGIApplication

from oslo_config import cfg

from freezer_api import __version__, pipeline
from freezer_api.api import resources
from freezer_api.api.application import Application
from freezer_api.api.list_limiter import ListLimiter, max_lists
from freezer_api.api.page_positions import LocalMemory, PagePositions, SharedMemory
from freezer_api.api.v1 import V1
from freezer_api.api.v2 import V2
from freezer_api.api.version import Version
from freezer_api.conf import reading, values
from freezer_api.keystone import options, trusts
from freezer_api.middleware.healthcheck import Health
from freezer_api.middleware.identity import strip_identity_headers
from freezer_api.middleware.request_log import log_requests
from freezer_api.middleware.standalone import serve_loopback_only, set_identity
from freezer_api.operations.actions import Actions
from freezer_api.operations.backups import Backups
from freezer_api.operations.client_lookup import ClientLookup
from freezer_api.operations.clients import Clients
from freezer_api.operations.job_actions import JobActions
from freezer_api.operations.job_trusts import JobTrusts, Trusts
from freezer_api.operations.jobs import Jobs
from freezer_api.operations.membership import Membership
from freezer_api.operations.sessions import Sessions
from freezer_api.pipeline import Pipeline
from freezer_api.policy import policy_files
from freezer_api.policy.enforcer import Enforcement
from freezer_api.repository.protocol import Repository

LOG = logging.getLogger(__name__)

VERSIONS = (V2, V1)


def build(
    conf: cfg.ConfigOpts, repository: Repository, name: str = "main", *, threads: int | None = None
) -> Pipeline:
    """Return the service as a section of the paste file composes it. Raises ``ConfigurationError``.

    ``threads`` is the number of threads of each worker process, None if it is not known.
    """
    keystone = trusts.create_trusts(conf)
    factory = ApplicationFactory(conf, repository, keystone, _page_positions(conf), threads=threads)
    loaded = pipeline.load(conf, factory, factory.health, name)
    if loaded.loopback_only:
        LOG.warning(
            "The paste pipeline has no authtoken filter: tokens are not verified, so only loopback requests are "
            "served"
        )
        return loaded._replace(app=_standalone(loaded.app))
    return loaded._replace(app=_logged(loaded.app))


def _page_positions(conf: cfg.ConfigOpts) -> PagePositions:
    servers = options.memcached_servers(conf)
    try:
        return PagePositions(SharedMemory(servers) if servers else LocalMemory())
    except ValueError as error:
        LOG.warning(
            "[keystone_authtoken] memcached_servers has an invalid address, so each process remembers pages by "
            "offset on its own: %s",
            error,
        )
        return PagePositions(LocalMemory())


def build_standalone(
    conf: cfg.ConfigOpts, repository: Repository, *, threads: int | None = None
) -> WSGIApplication:
    """Return the service without Keystone. It serves loopback requests only."""
    return _standalone(ApplicationFactory(conf, repository, threads=threads).whole())


def _standalone(app: WSGIApplication) -> WSGIApplication:
    return _logged(partial(serve_loopback_only, partial(set_identity, app)))


def _logged(app: WSGIApplication) -> WSGIApplication:
    return partial(log_requests, partial(strip_identity_headers, app))


def log_start(conf: cfg.ConfigOpts, store: object, address: str = "", *, has_paste_file: bool = True) -> None:
    """Log the version, the files in use, the store and the address, if it is known, in one line."""
    parts = {
        "configuration": reading.files_read(conf),
        "paste file": [pipeline.paste_file(conf)] if has_paste_file else [],
        "policy": policy_files.found(conf).paths,
        "store": [store],
        "address": [address] if address else [],
    }
    shown = (f"{name} {', '.join(map(str, texts))}" for name, found in parts.items() if (texts := list(found)))
    LOG.info("freezer-api %s started: %s", __version__, "; ".join(shown))


class ApplicationFactory:
    """Create the applications that a paste file names: the whole API, or each version on its own.

    ``GET /`` lists the versions that were created and are enabled.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        repository: Repository,
        trusts: Trusts | None = None,
        positions: PagePositions | None = None,
        *,
        threads: int | None = None,
    ) -> None:
        pipeline.register(conf)
        reading.check_values(conf)
        self.health = Health(conf, repository)
        self._versions = {version.mount: version for version in VERSIONS if _enabled(conf, version)}
        self._offered: set[str] = set()
        limits = values.read_limits(conf)
        membership = Membership(repository, _now, limits)
        lookup = ClientLookup(repository)
        actions = JobActions(repository, _new_id, limits)
        job_trusts = JobTrusts(repository, trusts, enforced=conf.centralized_scheduler.enforce_trusts)
        common: dict[str, Any] = {"clock": _now, "new_id": _new_id, "limits": limits}
        jobs = Jobs(repository, lookup, actions, job_trusts, membership, **common)
        handlers = {
            "backups": resources.BackupsResource(Backups(repository, _new_id, limits)),
            "clients": resources.ClientsResource(Clients(repository, lookup, _new_id, limits)),
            "actions": resources.ActionsResource(Actions(repository, _new_id, limits)),
            "jobs": resources.JobsResource(jobs),
            "sessions": resources.SessionsResource(
                Sessions(repository, membership, clock=repository.now, new_id=_new_id, limits=limits)
            ),
        }
        list_limiter = ListLimiter(max_lists(limits.max_concurrent_lists, threads))
        positions = positions or PagePositions(LocalMemory())
        self._application = Application(
            handlers, Enforcement(conf), limits, list_limiter, positions, self._offered
        )

    def offers(self, mount: str) -> bool:
        """Return whether a version has this path and is enabled."""
        return mount in self._versions

    def api(self) -> WSGIApplication:
        """Return the application with all versions and ``GET /``."""
        self._offered.update(self._versions)
        return self._application.build(self._versions.values())

    def whole(self) -> WSGIApplication:
        """Return the application with all versions, ``GET /`` and the health check."""
        return self.health.filter()(self.api())

    def version(self, mount: str) -> WSGIApplication:
        """Return the application of a version, mounted below ``mount``. A disabled version answers 404 only."""
        if not self.offers(mount):
            return self._application.build([], mount)
        self._offered.add(mount)
        return self._application.build([self._versions[mount]], mount)

    def versions(self) -> WSGIApplication:
        """Return the application with ``GET /`` and the health check."""
        return self.health.filter()(self._application.build([]))


def _enabled(conf: cfg.ConfigOpts, version: Version) -> bool:
    return bool(getattr(conf, f"enable_{version.mount[1:]}_api"))


def _now() -> int:
    return int(time.time())


def _new_id() -> str:
    return uuid.uuid4().hex
