"""The paste file: what stands between the socket and the application."""

import configparser
import logging
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from wsgiref.types import WSGIApplication

from keystoneauth1.exceptions import ClientException
from keystonemiddleware import auth_token
from keystonemiddleware.auth_token import ConfigurationError as AuthTokenConfigurationError
from oslo_config import cfg
from oslo_middleware import opts as middleware_opts
from oslo_middleware.exceptions import ConfigInvalid
from oslo_middleware.healthcheck import Healthcheck
from oslo_policy import opts as policy_opts
from paste.deploy import loadwsgi

from freezer_api.api.versions import PARTS
from freezer_api.conf import opts, search_path
from freezer_api.errors import ConfigurationError
from freezer_api.keystone import options as keystone
from freezer_api.middleware.healthcheck import Health

LOG = logging.getLogger(__name__)

_AUDIT = "audit_middleware_notifications"
_TRUE = ("1", "on", "true", "yes")

_UNUSABLE = (
    LookupError,  # a section that is not there
    ImportError,  # a factory that is not there
    AttributeError,
    TypeError,  # a setting that a factory does not take
    ValueError,
    OSError,
    configparser.Error,
    AuthTokenConfigurationError,
    ConfigInvalid,  # backends that exclude each other
    ClientException,  # an auth plugin that is not there
    RecursionError,  # a section that is part of itself
)


class Pipeline(NamedTuple):
    """What a section of a paste file makes."""

    app: WSGIApplication
    authenticated: bool
    """Whether the auth-token middleware is part of it."""
    audit_is_logged: bool
    """Whether the audit middleware writes its events to the log only, because oslo.messaging is not installed."""


def paste_file(conf: cfg.ConfigOpts) -> Path:
    """The paste file that the configuration names; ``ConfigurationError`` when there is none."""
    # What is empty is not set.
    name = conf.paste_deploy.config_file or opts.PASTE_FILE
    path = search_path.find(conf, name)
    if path is None:
        raise ConfigurationError(f"the paste file {name} is not there; [paste_deploy] config_file names it")
    return path


def register(conf: cfg.ConfigOpts) -> None:
    """Make the options known that the filters and the policy have, whether or not a paste file names them."""
    keystone.register(conf)
    for group, options in (*middleware_opts.list_opts(), *policy_opts.list_opts()):
        # A filter that cannot do without an option asks for it where it is used.
        conf.register_opts([option for option in options if not option.required], group=group)


def load(conf: cfg.ConfigOpts, parts: Any, health: Health, name: str = "main") -> Pipeline:
    """What a section of the paste file makes, of ``parts`` where it names factories of this service.

    ``health`` replaces oslo.middleware's health check, which is no longer a filter. Raises ``ConfigurationError``.
    """
    path = paste_file(conf)
    try:
        loader = _Loader(path, conf, parts, health)
        return Pipeline(loader.get_app(name), loader.authenticated, loader.audit_is_logged)
    except _UNUSABLE as error:
        raise ConfigurationError(
            f"the paste file {path} cannot be used: {' '.join(_reason(error).split())}"
        ) from None


def _reason(error: Exception) -> str:
    """The library's words; and others where they say too little, or show lines that may hold a password."""
    match error:
        case configparser.InterpolationError():
            return f"[{error.section}] {error.option} has a %, which is written %%"
        case configparser.MissingSectionHeaderError():
            return f"line {error.lineno} is in no section"
        case configparser.ParsingError():
            return f"line {error.errors[0][0]} is neither [section] nor name = value"
        case RecursionError():
            return "a section is part of itself"
        case IndexError():
            return "a pipeline names nothing"
    return str(error)


def _module(factory: object) -> str:
    return str(getattr(factory, "__module__", ""))


class _Loader(loadwsgi.ConfigLoader):  # type: ignore[misc]
    """Reads a file as PasteDeploy does, and hands our own things to the factories that the file names."""

    def __init__(self, path: Path, conf: cfg.ConfigOpts, parts: Any, health: Health) -> None:
        super().__init__(str(path))
        self.authenticated = self.audit_is_logged = False
        self._conf = conf
        self._parts = parts
        self._health = health

    def get_context(self, object_type: Any, name: str | None = None, global_conf: Any = None) -> Any:
        try:
            context = super().get_context(object_type, name, global_conf)
        except (ImportError, AttributeError) as error:
            raise LookupError(f"section {name}: {error}") from error
        if context.object == auth_token.filter_factory:
            self.authenticated = True
            context.object = self._auth_token
        elif _module(context.object).startswith("keystonemiddleware.audit"):
            self._check_audit(context)
        elif context.object == Healthcheck.factory:
            LOG.warning(
                "%s names the health check as a filter, which is an app today; a filter of ours takes its place",
                self.filename,
            )
            context.object = self._health.filter
        elif context.object == Healthcheck.app_factory:
            context.object = self._health.app
        elif _module(context.object).startswith("freezer_api."):
            context.global_conf[PARTS] = self._parts
        return context

    def _check_audit(self, context: Any) -> None:
        """Warn of events that the filter would send, had it the library; it says nothing of that itself."""
        from keystonemiddleware import audit

        for group, options in audit.list_opts():
            self._conf.register_opts(options, group=group)
        wanted = context.local_conf.get("use_oslo_messaging", self._conf[_AUDIT].use_oslo_messaging)
        if str(wanted).lower() in _TRUE and find_spec("oslo_messaging") is None:
            self.audit_is_logged = True
            LOG.warning(
                "%s names the audit filter, but oslo.messaging is not installed: audit events are not sent, only "
                "logged as INFO. Install freezer-api[audit], or set use_oslo_messaging = false in [%s]",
                self.filename,
                _AUDIT,
            )

    def _auth_token(
        self, global_conf: Mapping[str, Any], **settings: Any
    ) -> Callable[[WSGIApplication], WSGIApplication]:
        of_the_file = {name: value for name, value in global_conf.items() if name != PARTS}
        return keystone.auth_filter(self._conf, {**of_the_file, **settings})
