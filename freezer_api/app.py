"""The composition root: the only place where the parts meet."""

import logging
import time
import uuid
from typing import Any, NamedTuple
from wsgiref.types import WSGIApplication

from oslo_config import cfg

from freezer_api import pipeline
from freezer_api.api.application import Application
from freezer_api.api.resources.actions import ActionsResource
from freezer_api.api.resources.backups import BackupsResource
from freezer_api.api.resources.clients import ClientsResource
from freezer_api.api.resources.jobs import JobsResource
from freezer_api.api.resources.sessions import SessionsResource
from freezer_api.api.shares import Shares, max_lists
from freezer_api.api.v1 import V1
from freezer_api.api.v2 import V2
from freezer_api.api.version import Version
from freezer_api.conf import opts, reading
from freezer_api.keystone import trusts
from freezer_api.middleware.healthcheck import Health
from freezer_api.middleware.identity import Unforged
from freezer_api.middleware.request_log import Entrance
from freezer_api.middleware.standalone import LoopbackOnly, StandaloneIdentity
from freezer_api.operations.actions import Actions
from freezer_api.operations.backups import Backups
from freezer_api.operations.client_lookup import Registered
from freezer_api.operations.clients import Clients
from freezer_api.operations.job_actions import JobActions
from freezer_api.operations.job_trusts import JobTrusts, Trusts
from freezer_api.operations.jobs import Jobs
from freezer_api.operations.membership import Membership
from freezer_api.operations.sessions import Sessions
from freezer_api.policy.enforcer import Enforcement
from freezer_api.repository.protocol import Repository

LOG = logging.getLogger(__name__)


VERSIONS = (V2, V1)


class Built(NamedTuple):
    """The service as a paste file composes it.

    Without the auth-token middleware in the pipeline it answers only this machine, and so should the server.
    """

    app: WSGIApplication
    loopback_only: bool
    audit_is_logged: bool
    """See :class:`pipeline.Pipeline`."""


def build(
    conf: cfg.ConfigOpts, repository: Repository, name: str = "main", *, threads: int | None = None
) -> Built:
    """Return the service as a section of the paste file composes it.

    Raises ``ConfigurationError`` if the file cannot be used.

    ``threads``: those of each worker process, None if their number is not known.
    """
    parts = Parts(conf, repository, trusts.trusts(conf), threads=threads)
    made = pipeline.load(conf, parts, parts.health, name)
    if made.authenticated:
        return Built(Entrance(Unforged(made.app)), loopback_only=False, audit_is_logged=made.audit_is_logged)
    LOG.warning(
        "The paste pipeline has no authtoken filter: tokens are not verified, so only loopback requests are served"
    )
    whole = Entrance(Unforged(LoopbackOnly(StandaloneIdentity(made.app))))
    return Built(whole, loopback_only=True, audit_is_logged=made.audit_is_logged)


def build_standalone(
    conf: cfg.ConfigOpts, repository: Repository, *, threads: int | None = None
) -> WSGIApplication:
    """Return the service without Keystone. It serves loopback requests only."""
    return Entrance(Unforged(LoopbackOnly(StandaloneIdentity(Parts(conf, repository, threads=threads).whole()))))


def build_api(conf: cfg.ConfigOpts, repository: Repository) -> WSGIApplication:
    """The API itself, behind something that vouches for identities."""
    return Parts(conf, repository).api()


class Parts:
    """What factories of paste files are given: the API as a whole, or each version on its own.

    ``GET /`` lists what was asked for and is not switched off.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        repository: Repository,
        trusts: Trusts | None = None,
        *,
        threads: int | None = None,
    ) -> None:
        pipeline.register(conf)
        reading.check(conf)
        self.health = Health(conf, repository)
        self._versions = {version.mount: version for version in VERSIONS if _enabled(conf, version)}
        self._offered: set[str] = set()
        limits = opts.limits(conf)
        membership = Membership(repository, _now, limits)
        registered = Registered(repository)
        actions = JobActions(repository, _new_id, limits)
        lending = JobTrusts(repository, trusts, enforced=conf.centralized_scheduler.enforce_trusts)
        common: dict[str, Any] = {"clock": _now, "new_id": _new_id, "limits": limits}
        jobs = Jobs(repository, registered, actions, lending, membership, **common)
        resources = {
            "backups": BackupsResource(Backups(repository, _new_id, limits)),
            "clients": ClientsResource(Clients(repository, registered, _new_id, limits)),
            "actions": ActionsResource(Actions(repository, _new_id, limits)),
            "jobs": JobsResource(jobs),
            "sessions": SessionsResource(
                Sessions(repository, membership, clock=repository.now, new_id=_new_id, limits=limits)
            ),
        }
        shares = Shares(max_lists(limits.max_concurrent_lists, threads))
        self._application = Application(resources, Enforcement(conf), limits, shares, self._offered)

    def offers(self, mount: str) -> bool:
        """Whether there is a version below this path, and it is not switched off."""
        return mount in self._versions

    def api(self) -> WSGIApplication:
        """All versions and ``GET /``."""
        self._offered.update(self._versions)
        return self._application.build(self._versions.values())

    def whole(self) -> WSGIApplication:
        """The same with the health."""
        return self._with_health(self.api())

    def version(self, mount: str) -> WSGIApplication:
        """One version, for whoever mounts it; nothing but 404 where it is switched off."""
        if not self.offers(mount):
            return self._application.build([], mount)
        self._offered.add(mount)
        return self._application.build([self._versions[mount]], mount)

    def versions(self) -> WSGIApplication:
        """``GET /`` and the health."""
        return self._with_health(self._application.build([]))

    def _with_health(self, others: WSGIApplication) -> WSGIApplication:
        return self.health.filter()(others)


def _enabled(conf: cfg.ConfigOpts, version: Version) -> bool:
    return bool(getattr(conf, f"enable_{version.mount[1:]}_api"))


def _now() -> int:
    return int(time.time())


def _new_id() -> str:
    return uuid.uuid4().hex
