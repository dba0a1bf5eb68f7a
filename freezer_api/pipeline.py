# SPDX-License-Identifier: Apache-2.0
"""Load the paste file, which composes the filters in front of the application."""

import configparser
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from wsgiref.types import WSGIApplication

from keystoneauth1.exceptions import ClientException
from keystonemiddleware import auth_token
from keystonemiddleware.auth_token import ConfigurationError as AuthTokenConfigurationError
from oslo_config import cfg
from oslo_middleware import opts as middleware_opts
from oslo_middleware.base import ConfigurableMiddleware
from oslo_middleware.exceptions import ConfigInvalid
from oslo_middleware.healthcheck import Healthcheck
from oslo_policy import opts as policy_opts
from paste.deploy import loadwsgi

from freezer_api.compat.paste import APPLICATION_FACTORY, Filter
from freezer_api.conf import opts, search_path
from freezer_api.errors import ConfigurationError
from freezer_api.keystone import options as keystone
from freezer_api.middleware.auth_token import AUDIT_GROUP, auth_filter, loses_audit_events
from freezer_api.middleware.healthcheck import Health

LOG = logging.getLogger(__name__)

_UNUSABLE = (
    LookupError,  # a section does not exist
    ImportError,  # a factory does not exist
    AttributeError,
    TypeError,  # a factory does not accept a setting
    ValueError,
    OSError,
    configparser.Error,
    AuthTokenConfigurationError,
    ConfigInvalid,  # backends exclude each other
    ClientException,  # an auth plugin does not exist
    RecursionError,  # a section is part of itself
)


class Pipeline(NamedTuple):
    """A section of a paste file as a WSGI application."""

    app: WSGIApplication
    loopback_only: bool
    """Whether no ``authtoken`` filter verifies tokens, so that only loopback requests may be served."""
    audit_is_logged: bool
    """Whether the ``audit`` filter only logs its events, because oslo.messaging is not installed."""


def paste_file(conf: cfg.ConfigOpts) -> Path:
    """Return the paste file that the configuration names. Raises ``ConfigurationError`` if it does not exist."""
    # An empty value means that the option is not set.
    name = conf.paste_deploy.config_file or opts.PASTE_FILE
    path = search_path.find(conf, name)
    if path is None:
        raise ConfigurationError(f"paste file {name} not found; set [paste_deploy] config_file")
    return path


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options of the filters and of the policy, whether or not a paste file uses them."""
    keystone.register(conf)
    for group, options in (*middleware_opts.list_opts(), *policy_opts.list_opts()):
        # A filter that requires an option checks it itself.
        conf.register_opts([option for option in options if not option.required], group=group)


def load(conf: cfg.ConfigOpts, factory: Any, health: Health, name: str = "main") -> Pipeline:
    """Load a section of the paste file. ``factory`` creates the applications that the file names.

    ``health`` replaces the health check of oslo.middleware, which is no longer a filter. Raises
    ``ConfigurationError``.
    """
    path = paste_file(conf)
    try:
        loader = _PasteLoader(path, conf, factory, health)
        return Pipeline(loader.get_app(name), not loader.has_authtoken, loader.audit_is_logged)
    except _UNUSABLE as error:
        raise ConfigurationError(
            f"the paste file {path} cannot be used: {' '.join(_reason(error).split())}"
        ) from None


def _reason(error: Exception) -> str:
    """Return the library's message, or a message of this service if that is unclear or may quote a password."""
    match error:
        case configparser.InterpolationError():
            return f"[{error.section}] {error.option} has a single %; write %% instead"
        case configparser.MissingSectionHeaderError():
            return f"line {error.lineno} is in no section"
        case configparser.ParsingError():
            return f"line {error.errors[0][0]} is neither [section] nor name = value"
        case RecursionError():
            return "a section is part of itself"
        case IndexError():
            return "a pipeline is empty"
    return str(error)


class _PasteLoader(loadwsgi.ConfigLoader):  # type: ignore[misc]
    """Load a file with PasteDeploy, and replace factories that need objects of this service."""

    def __init__(self, path: Path, conf: cfg.ConfigOpts, factory: Any, health: Health) -> None:
        super().__init__(str(path))
        self.has_authtoken = self.audit_is_logged = False
        self._conf = conf
        self._factory = factory
        self._health = health

    def get_context(self, object_type: Any, name: str | None = None, global_conf: Any = None) -> Any:
        try:
            context = super().get_context(object_type, name, global_conf)
        except (ImportError, AttributeError) as error:
            raise LookupError(f"section {name}: {error}") from error
        module = str(getattr(context.object, "__module__", ""))
        if context.object == auth_token.filter_factory:
            self.has_authtoken = True
            context.object = self._auth_token
        elif module.startswith("keystonemiddleware.audit"):
            self._check_audit(context)
        elif context.object == Healthcheck.factory:
            LOG.warning(
                "%s uses the health check as a filter, which oslo.middleware no longer supports: a filter of this "
                "service replaces it",
                self.filename,
            )
            context.object = self._health.filter
        elif context.object == Healthcheck.app_factory:
            context.object = self._health.app
        elif module.startswith("freezer_api."):
            context.global_conf[APPLICATION_FACTORY] = self._factory
        elif _uses_global_conf(context):
            context.object = self._configured(getattr(context.object, "__self__", None)) or context.object
        return context

    def _configured(self, kind: Any) -> Any:
        """Return the factory of a middleware of oslo.middleware that reads our options, not ``cfg.CONF``.

        A reload reads the options into a new object and does not change ``cfg.CONF``.
        """
        if not (isinstance(kind, type) and issubclass(kind, ConfigurableMiddleware)):
            return None
        options = property(lambda _self: self._conf, lambda _self, _global: None)
        return type(kind.__name__, (kind,), {"oslo_conf": options}).factory  # type: ignore[attr-defined]

    def _check_audit(self, context: Any) -> None:
        if _uses_global_conf(context):
            context.local_conf["oslo_config_config"] = self._conf
        if loses_audit_events(self._conf, context.local_conf):
            self.audit_is_logged = True
            LOG.warning(
                "%s names the audit filter, but oslo.messaging is not installed: audit events are not sent, only "
                "logged as INFO. Install freezer-api[audit], or set use_oslo_messaging = false in [%s]",
                self.filename,
                AUDIT_GROUP,
            )

    def _auth_token(self, global_conf: Mapping[str, Any], **settings: Any) -> Filter:
        defaults = {name: value for name, value in global_conf.items() if name != APPLICATION_FACTORY}
        return auth_filter(self._conf, {**defaults, **settings})


def _uses_global_conf(context: Any) -> bool:
    """Return whether a filter of a library reads ``cfg.CONF``, because its section names no project."""
    return "oslo_config_project" not in {**context.global_conf, **context.local_conf}
