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


_KEYSTONE = "keystone_authtoken"

OPTIONS = (
    Obsolete("DEFAULT", "host_href"),
    Obsolete("DEFAULT", "sql_connection"),
    Obsolete("DEFAULT", "verbose"),
    Obsolete("DEFAULT", "watch_log_file"),
    Obsolete("storage", "db", "[storage] driver"),
    Obsolete("storage", "endpoint", "[elasticsearch] hosts"),
    Obsolete("elasticsearch", "host"),
    Obsolete("elasticsearch", "select_mapping"),
    Obsolete("elasticsearch", "erase"),
    Obsolete("elasticsearch", "test_only"),
    Obsolete("centralized_scheduler", "service_user"),
    Obsolete("centralized_scheduler", "service_user_domain"),
    Obsolete("database", "idle_timeout", "[database] connection_recycle_time"),
    # A replica may lag, while every list shows every write.
    Obsolete("database", "slave_connection"),
    Obsolete("database", "asyncio_connection"),
    Obsolete("database", "asyncio_slave_connection"),
    Obsolete("database", "synchronous_reader"),
    Obsolete("database", "sqlite_synchronous"),
    Obsolete("database", "backend"),
    # A request waits for a connection for less than a second, and is retried within its deadline.
    Obsolete("database", "pool_timeout"),
    Obsolete("database", "use_db_reconnect"),
    Obsolete("database", "db_retry_interval"),
    Obsolete("database", "db_inc_retry_interval"),
    Obsolete("database", "db_max_retry_interval"),
    # What is logged holds no documents.
    Obsolete("database", "connection_debug"),
    Obsolete("database", "connection_trace"),
    Obsolete("database", "min_pool_size"),
    Obsolete("database", "mysql_enable_ndb"),
    Obsolete("database", "sql_connection"),
    Obsolete("oslo_middleware", "secure_proxy_ssl_header"),
    Obsolete(_KEYSTONE, "auth_uri", f"[{_KEYSTONE}] www_authenticate_uri"),
    Obsolete(_KEYSTONE, "identity_uri", f"[{_KEYSTONE}] auth_url"),
    Obsolete(_KEYSTONE, "auth_protocol", f"[{_KEYSTONE}] auth_url"),
    Obsolete(_KEYSTONE, "auth_host", f"[{_KEYSTONE}] auth_url"),
    Obsolete(_KEYSTONE, "auth_port", f"[{_KEYSTONE}] auth_url"),
    Obsolete(_KEYSTONE, "admin_user", f"[{_KEYSTONE}] username"),
    Obsolete(_KEYSTONE, "admin_password", f"[{_KEYSTONE}] password"),
    Obsolete(_KEYSTONE, "admin_tenant_name", f"[{_KEYSTONE}] project_name"),
    Obsolete(_KEYSTONE, "admin_token"),
    Obsolete(_KEYSTONE, "auth_admin_prefix"),
    Obsolete(_KEYSTONE, "signing_dir"),
    Obsolete(_KEYSTONE, "check_revocations_for_cached"),
    Obsolete(_KEYSTONE, "hash_algorithms"),
    Obsolete(_KEYSTONE, "revocation_cache_time"),
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
    register(conf)
    for option in OPTIONS:
        for group in _groups(conf, option.group):
            _register(conf, group, option.name)
            if _is_used(conf, group, option.name):
                place = reading.locate(conf, group, option.name)
                yield f"{place} is an old name; write {option.today}" if option.today else f"{place} is ignored"


def _is_used(conf: cfg.ConfigOpts, group: str, name: str) -> bool:
    where = conf if group == "DEFAULT" else conf[group]
    return reading.is_set(conf, name, None if group == "DEFAULT" else group) and where[name] != ""


def _groups(conf: cfg.ConfigOpts, group: str) -> set[str]:
    """Return the group, and the one that ``[storage] backend`` names for the options of the store."""
    return {group, conf.storage.backend or group} if group == "elasticsearch" else {group}
