"""Options of older releases, of this service and of its libraries, that operators' files still contain.

Each one that is set is logged at every start, with its name and never its value.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from oslo_config import cfg

from freezer_api.conf import reading


class Obsolete(NamedTuple):
    """An option; ``today`` is the option that replaces it, empty if there is none."""

    group: str
    name: str
    today: str = ""


_WITHOUT_EFFECT = {
    "DEFAULT": "host_href sql_connection verbose watch_log_file",
    "elasticsearch": "host select_mapping erase test_only",
    "centralized_scheduler": "service_user service_user_domain",
    # A replica may lag, while every list shows every write. A request waits for a connection for less than a
    # second, and is retried within its deadline. Log messages contain no documents.
    "database": "slave_connection asyncio_connection asyncio_slave_connection synchronous_reader "
    "sqlite_synchronous backend pool_timeout use_db_reconnect db_retry_interval db_inc_retry_interval "
    "db_max_retry_interval connection_debug connection_trace min_pool_size mysql_enable_ndb sql_connection",
    "oslo_middleware": "secure_proxy_ssl_header",
    "keystone_authtoken": "admin_token auth_admin_prefix signing_dir check_revocations_for_cached hash_algorithms "
    "revocation_cache_time",
}

_RENAMED = {
    "storage": {"db": "[storage] driver", "endpoint": "[elasticsearch] hosts"},
    "database": {"idle_timeout": "[database] connection_recycle_time"},
    "keystone_authtoken": {
        "auth_uri": "[keystone_authtoken] www_authenticate_uri",
        **dict.fromkeys(
            ("identity_uri", "auth_protocol", "auth_host", "auth_port"), "[keystone_authtoken] auth_url"
        ),
        "admin_user": "[keystone_authtoken] username",
        "admin_password": "[keystone_authtoken] password",
        "admin_tenant_name": "[keystone_authtoken] project_name",
    },
}

OPTIONS = (
    *(Obsolete(group, name) for group, names in _WITHOUT_EFFECT.items() for name in names.split()),
    *(Obsolete(group, name, today) for group, names in _RENAMED.items() for name, today in names.items()),
)


def register(conf: cfg.ConfigOpts, group: str | None = None) -> None:
    """Register the options, all or those of a group."""
    for option in OPTIONS:
        if group in (None, option.group):
            _register(conf, option.group, option.name)


def _register(conf: cfg.ConfigOpts, group: str, name: str) -> None:
    # A library that still knows the option registers its own.
    with suppress(cfg.DuplicateOptError):
        conf.register_opt(cfg.StrOpt(name, secret=True), group=None if group == "DEFAULT" else group)


def find_obsolete(conf: cfg.ConfigOpts) -> Iterator[str]:
    """Return a line for each option that is set, without the value."""
    for option in OPTIONS:
        # The options of the Elasticsearch store may be in a group with any name.
        backend = conf.storage.backend if option.group == "elasticsearch" else None
        for group in {option.group, backend or option.group}:
            _register(conf, group, option.name)
            value = conf[option.name] if group == "DEFAULT" else conf[group][option.name]
            if value != "" and reading.is_set(conf, option.name, None if group == "DEFAULT" else group):
                place = reading.locate(conf, group, option.name)
                yield f"{place} is an old name; write {option.today}" if option.today else f"{place} is ignored"
