"""The options of ``[keystone_authtoken]``, with old names translated."""

from collections.abc import Mapping
from typing import Any

from keystoneauth1 import loading
from keystonemiddleware import auth_token
from keystonemiddleware.auth_token import _opts as auth_token_opts
from oslo_config import cfg

from freezer_api.conf import obsolete, reading

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
