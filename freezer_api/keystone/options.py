# SPDX-License-Identifier: Apache-2.0
"""The options of ``[keystone_authtoken]``, with old names translated."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from keystoneauth1 import loading
from keystonemiddleware import auth_token
from keystonemiddleware.auth_token import _opts as auth_token_opts
from oslo_config import cfg

from freezer_api.conf import obsolete, reading

GROUP = "keystone_authtoken"

_OLD_NAMES = [option.name for option in obsolete.OPTIONS if option.group == GROUP and option.today]
"""Names that deployers' files still contain, but the middleware no longer accepts."""

_DEFAULTS = {
    # Short timeouts, because the caller waits for the response meanwhile.
    "http_connect_timeout": 4,
    "http_request_max_retries": 1,
    # The default differs between releases. If false, any user's token is accepted as a service token.
    "service_token_roles_required": True,
    # The service type in the catalog. Without it, application credentials with access rules are always refused.
    "service_type": "backup",
}
"""Defaults that differ from those of the middleware."""


def set_defaults() -> None:
    """Set the defaults of this service for the sample configuration file."""
    # Change the options themselves: public functions of the middleware return copies, which are not used.
    for _, options in auth_token_opts.auth_token_opts:
        cfg.set_defaults(options, **_DEFAULTS)


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options of the middleware. The values of old names become the defaults of the current names."""
    for group, opts in auth_token.list_opts():
        conf.register_opts(opts, group=group)
    loading.register_auth_conf_options(conf, GROUP)
    for name in _OLD_NAMES:
        # Some releases of the middleware still register some of the old names.
        with suppress(cfg.DuplicateOptError):
            conf.register_opt(cfg.StrOpt(name, secret=True), group=GROUP)
    for name, value in (_DEFAULTS | _translated(conf)).items():
        conf.set_default(name, value, group=GROUP)


def memcached_servers(conf: cfg.ConfigOpts) -> list[str]:
    """Return the memcached servers of the middleware that a plain connection reaches."""
    register(conf)
    group = conf[GROUP]
    # Older releases have neither option.
    if getattr(group, "memcache_sasl_enabled", False) or getattr(group, "memcache_tls_enabled", False):
        return []
    return list(group.memcached_servers or ())


def _translated(conf: cfg.ConfigOpts) -> dict[str, Any]:
    """Return the values of old names by the current names."""
    group = conf[GROUP]
    old = {name: str(group[name]) for name in _OLD_NAMES if group[name] and reading.is_set(conf, name, GROUP)}
    translated = {"www_authenticate_uri": old["auth_uri"]} if "auth_uri" in old else {}
    if "admin_user" in old and not group.auth_type:
        conf.register_opts(loading.get_auth_plugin_conf_options("password"), group=GROUP)
        translated |= _password_plugin(old)
    # Escape $, which oslo.config substitutes in defaults.
    return {name: value.replace("$", "$$") for name, value in translated.items()}


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
