# SPDX-License-Identifier: Apache-2.0
"""Keystone's middleware as filters of this service: ``authtoken``, and the requirements of ``audit``."""

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib.util import find_spec
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from keystoneauth1 import loading
from keystoneauth1.exceptions import ClientException
from keystonemiddleware import auth_token
from oslo_config import cfg

from freezer_api.conf import reading
from freezer_api.keystone import options
from freezer_api.middleware.dispatch import is_open
from freezer_api.middleware.responses import RETRY_AFTER, refuse

LOG = logging.getLogger(__name__)

AUDIT_GROUP = "audit_middleware_notifications"


def auth_filter(conf: cfg.ConfigOpts, settings: Mapping[str, Any]) -> Callable[[WSGIApplication], WSGIApplication]:
    """Return the ``authtoken`` filter. ``settings`` of its paste section take precedence over the options.

    Raises ``ConfigurationError`` if ``auth_type`` is not set or a required package is not installed.
    """
    options.register(conf)
    _check_auth_type(conf, settings)
    complete = {**settings, "oslo_config_config": conf}
    _check_packages(conf, settings)
    return lambda app: partial(authenticate, app, auth_token.AuthProtocol(app, complete))


def _check_auth_type(conf: cfg.ConfigOpts, settings: Mapping[str, Any]) -> None:
    """Refuse a filter without an account: the middleware would start, and fail at each request."""
    group = settings.get("auth_section") or conf[options.GROUP].auth_section or options.GROUP
    conf.register_opts(loading.get_auth_common_conf_options(), group=group)
    # The middleware also accepts the old name of the option in a paste file.
    if not (settings.get("auth_type") or settings.get("auth_plugin") or conf[group].auth_type):
        raise reading.option_error(
            conf, group, "auth_type", "must be set, usually to password: the authtoken filter needs an account"
        )


def _check_packages(conf: cfg.ConfigOpts, settings: Mapping[str, Any]) -> None:
    """Refuse settings whose package is missing: the middleware would start, and fail at each request."""
    value = {**conf[options.GROUP], **settings}
    # Older releases of the middleware have neither option.
    binary = any(_is_true(value.get(name)) for name in ("memcache_sasl_enabled", "memcache_tls_enabled"))
    servers = ("bmemcached", "python-binary-memcached") if binary else ("memcache", "python-memcached")
    needed = {
        "memcached_servers": value["memcached_servers"] and servers,
        "memcache_security_strategy": str(value["memcache_security_strategy"]).upper() == "ENCRYPT"
        and ("cryptography", "cryptography"),
    }
    for name, found in needed.items():
        if found and find_spec(found[0]) is None:
            raise reading.option_error(
                conf, options.GROUP, name, f"needs the package {found[1]}, which is not installed"
            )


def _is_true(value: object) -> bool:
    """Return the boolean of an option, or of a setting of a paste file, which is a text."""
    return str(value).lower() in ("1", "on", "true", "yes")


def loses_audit_events(conf: cfg.ConfigOpts, settings: Mapping[str, Any]) -> bool:
    """Return whether the ``audit`` filter is to send events but oslo.messaging is not installed.

    The filter then only logs the events, and does not report that.
    """
    from keystonemiddleware import audit

    for group, opts in audit.list_opts():
        conf.register_opts(opts, group=group)
    wanted = settings.get("use_oslo_messaging", conf[AUDIT_GROUP].use_oslo_messaging)
    return _is_true(wanted) and find_spec("oslo_messaging") is None


def authenticate(
    app: WSGIApplication, protocol: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Call keystonemiddleware's ``auth_token``, except for paths that need no identity.

    If Keystone is unreachable, respond with 503 in the shape of the API's errors.
    """
    if is_open(environ):
        return app(environ, start_response)
    unavailable = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if status.startswith("503") and not any(name.lower() == "retry-after" for name, _ in headers):
            unavailable.append(status)
            return lambda _data: None
        return start_response(status, headers, exc_info)

    try:
        answer = protocol(environ, start)
    except ClientException as error:
        LOG.error("Keystone cannot be reached: %s", error)  # noqa: TRY400 - the stack is the library's
        return _unavailable(start_response)
    return _unavailable(start_response) if unavailable else answer


def _unavailable(start_response: StartResponse) -> Iterable[bytes]:
    description = "The identity service is not available, try again later"
    status = "503 Service Unavailable"
    return refuse(start_response, status, "Service Unavailable", description, ("Retry-After", RETRY_AFTER))
