"""The composition root: the only place where the parts meet."""

import time
import uuid

from oslo_config import cfg
from oslo_middleware.healthcheck import Healthcheck
from oslo_middleware.healthcheck.opts import DISABLE_BY_FILE_OPTS

from freezer_api.api.application import Application
from freezer_api.api.enforcement import Enforcement
from freezer_api.api.middleware import Entrance, Paths, WSGIApp
from freezer_api.api.resources.actions import ActionsResource
from freezer_api.api.resources.backups import BackupsResource
from freezer_api.api.resources.clients import ClientsResource
from freezer_api.api.resources.jobs import JobsResource
from freezer_api.api.resources.sessions import SessionsResource
from freezer_api.api.standalone import StandaloneIdentity
from freezer_api.api.v1 import V1
from freezer_api.api.v2 import V2
from freezer_api.api.version import Version
from freezer_api.api.wire import Limits
from freezer_api.operations.actions import Actions
from freezer_api.operations.backups import Backups
from freezer_api.operations.clients import Clients
from freezer_api.operations.job_actions import JobActions
from freezer_api.operations.jobs import Jobs
from freezer_api.operations.membership import Membership
from freezer_api.operations.registered import Registered
from freezer_api.operations.sessions import Sessions
from freezer_api.repository.protocol import Repository


def check(conf: cfg.ConfigOpts) -> None:
    """Raise ``StartFailed`` when what the configuration names cannot be used."""
    Enforcement(conf).check()


def build_standalone(conf: cfg.ConfigOpts, repository: Repository) -> WSGIApp:
    """The service without Keystone; whoever serves it keeps it on a loopback address."""
    identified = StandaloneIdentity(build_api(conf, repository))
    conf.register_opts(DISABLE_BY_FILE_OPTS, group="healthcheck")
    conf.set_default("disable_by_file_path", "/etc/freezer/healthcheck_disable", group="healthcheck")
    # Handed over by hand, as the middleware reads a conf that it is given under the names of a paste file alone.
    path = conf.healthcheck.disable_by_file_path
    health = Healthcheck(None, {"backends": "disable_by_file", "disable_by_file_path": path})
    return Entrance(Paths("/healthcheck", health, identified))


def build_api(conf: cfg.ConfigOpts, repository: Repository) -> WSGIApp:
    """The API itself, behind something that vouches for identities."""
    membership = Membership(repository, _now)
    registered = Registered(repository)
    actions = JobActions(repository, _new_id)
    jobs = Jobs(repository, registered, actions, membership, clock=_now, new_id=_new_id)
    resources = {
        "backups": BackupsResource(Backups(repository, _new_id)),
        "clients": ClientsResource(Clients(repository, registered, _new_id)),
        "actions": ActionsResource(Actions(repository, _new_id)),
        "jobs": JobsResource(jobs),
        "sessions": SessionsResource(Sessions(repository, membership, clock=_now, new_id=_new_id)),
    }
    limits = Limits(body=conf.api.max_body_size, page=conf.api.max_limit)
    return Application(resources, Enforcement(conf), limits).build(_offered(conf))


def _offered(conf: cfg.ConfigOpts) -> list[Version]:
    """The versions that the configuration does not switch off in so many words, the newest first."""
    offered = [(V2, conf.enable_v2_api), (V1, conf.enable_v1_api)]
    return [version for version, is_enabled in offered if is_enabled]


def _now() -> int:
    return int(time.time())


def _new_id() -> str:
    return uuid.uuid4().hex
