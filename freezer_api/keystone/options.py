"""Keystone's middleware, as this service's pipelines have it."""

import logging
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import falcon
from keystoneauth1 import loading
from keystoneauth1.exceptions import ClientException
from keystonemiddleware import auth_token
from keystonemiddleware.auth_token import _opts as auth_token_opts
from oslo_config import cfg

from freezer_api.api.errors import RETRY_AFTER, refuse
from freezer_api.conf import obsolete, reading
from freezer_api.middleware.request_log import is_open

LOG = logging.getLogger(__name__)

GROUP = "keystone_authtoken"

_OLD = [option.name for option in obsolete.OPTIONS if option.group == GROUP and option.today]
"""Names that the middleware no longer knows, and deployers' files still have."""

_DEFAULTS = {
    # Seconds, and tries after the first: a request must not wait longer than its caller does.
    "http_connect_timeout": 4,
    "http_request_max_retries": 1,
    # Releases of the middleware differ in it: else any user's token counts as a service's.
    "service_token_roles_required": True,
    # The type in the catalog. Without it an application credential with access rules is refused everywhere.
    "service_type": "backup",
}
"""Where the operator says nothing."""


def set_defaults() -> None:
    """Let the sample of the configuration file show the defaults of this service."""
    for _, options in auth_token_opts.auth_token_opts:
        cfg.set_defaults(options, **_DEFAULTS)


def register(conf: cfg.ConfigOpts) -> None:
    """Make the options of the middleware known to ``conf``. What old names mean today is the default of those of
    today: the middleware, and whoever else reads the group, need not know that there were others.
    """
    for group, opts in auth_token.list_opts():
        conf.register_opts(opts, group=group)
    loading.register_auth_conf_options(conf, GROUP)
    # Releases of the middleware differ in which of them they still know.
    obsolete.register(conf, GROUP)
    for name, value in (_DEFAULTS | _today(conf)).items():
        conf.set_default(name, value, group=GROUP)


def _today(conf: cfg.ConfigOpts) -> dict[str, Any]:
    """What old names in the group mean, for options that are known to ``conf``."""
    old = {name: str(conf[GROUP][name]) for name in _OLD if _is_set(conf, name)}
    today = {"www_authenticate_uri": old["auth_uri"]} if "auth_uri" in old else {}
    if "admin_user" in old and not conf[GROUP].auth_type:
        conf.register_opts(loading.get_auth_plugin_conf_options("password"), group=GROUP)
        today |= _password_plugin(old)
    # A value of the library's may refer to another option.
    return {name: value.replace("$", "$$") for name, value in today.items()}


def _is_set(conf: cfg.ConfigOpts, name: str) -> bool:
    return reading.is_set(conf, name, GROUP) and bool(conf[GROUP][name])


def _password_plugin(old: Mapping[str, str]) -> dict[str, str]:
    port = old.get("auth_port", "35357")
    triple = f"{old.get('auth_protocol', 'https')}://{old.get('auth_host', '127.0.0.1')}:{port}"
    return {
        "auth_type": "password",
        "auth_url": old.get("identity_uri", triple),
        "username": old["admin_user"],
        "password": old.get("admin_password", ""),
        "project_name": old.get("admin_tenant_name", "admin"),
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }


def auth_filter(
    conf: cfg.ConfigOpts, of_the_file: Mapping[str, Any]
) -> Callable[[WSGIApplication], WSGIApplication]:
    """Return the filter; settings of its paste section win. Raises ``ConfigurationError`` if one is missing."""
    register(conf)
    complete = {**of_the_file, "oslo_config_config": conf}
    _check_packages(conf, of_the_file)
    return lambda app: AuthToken(app, auth_token.AuthProtocol(app, complete))


def _check_packages(conf: cfg.ConfigOpts, of_the_file: Mapping[str, Any]) -> None:
    """The middleware would start without them, and fail at every request."""
    value = {**conf[GROUP], **of_the_file}
    # Older releases know neither; in a paste file they are texts.
    ways = (str(value.get(name)).lower() for name in ("memcache_sasl_enabled", "memcache_tls_enabled"))
    binary = any(way in ("1", "on", "true", "yes") for way in ways)
    servers = ("bmemcached", "python-binary-memcached") if binary else ("memcache", "python-memcached")
    needed = {
        "memcached_servers": value["memcached_servers"] and servers,
        "memcache_security_strategy": str(value["memcache_security_strategy"]).upper() == "ENCRYPT"
        and ("cryptography", "cryptography"),
    }
    for name, found in needed.items():
        if found and find_spec(found[0]) is None:
            raise reading.wrong(conf, GROUP, name, f"needs the package {found[1]}, which is not installed")


class AuthToken:
    """keystonemiddleware's ``auth_token``. What is open to everybody goes past it, and that Keystone cannot be
    asked is answered as the API answers everything.
    """

    def __init__(self, app: WSGIApplication, protocol: WSGIApplication) -> None:
        self._app = app
        self._protocol = protocol

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if is_open(environ):
            return self._app(environ, start_response)
        unavailable = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if status.startswith("503") and not any(name.lower() == "retry-after" for name, _ in headers):
                unavailable.append(status)
                return lambda _data: None
            return start_response(status, headers, exc_info)

        try:
            answer = self._protocol(environ, start)
        except ClientException as error:
            LOG.error("Keystone cannot be asked: %s", error)  # noqa: TRY400 - the stack is the library's
            return _unavailable(start_response)
        return _unavailable(start_response) if unavailable else answer


def _unavailable(start_response: StartResponse) -> Iterable[bytes]:
    description = "The identity service is not available, try again later"
    return refuse(
        start_response, falcon.HTTP_503, "Service Unavailable", description, ("Retry-After", RETRY_AFTER)
    )
