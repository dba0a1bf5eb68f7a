# SPDX-License-Identifier: Apache-2.0
"""Options of older releases, of this service and of its libraries, that operators' files still contain.

The service logs the name of each one that is set, never its value, at every start.
"""

from collections.abc import Iterator
from typing import NamedTuple

from oslo_config import cfg

from freezer_api.conf import reading


class Obsolete(NamedTuple):
    """An obsolete option. ``today``: the option that replaces it, empty if none does."""

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
    # oslo.db still reads idle_timeout, but does not warn if both options are set.
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


def find_obsolete(conf: cfg.ConfigOpts) -> Iterator[str]:
    """Return a line for each option that a file sets, without the value. An empty value is ignored."""
    for path in reading.files_read(conf):
        sections = reading.sections(path)
        for option in OPTIONS:
            # The options of the Elasticsearch store may be in a group with any name.
            backend = conf.storage.backend if option.group == "elasticsearch" else None
            for group in {option.group, (backend or option.group).lower()}:
                if any(sections.get(group, {}).get(option.name, ())):
                    place = f"[{group}] {option.name} in {path}"
                    today = option.today
                    yield f"{place} is an old name; write {today}" if today else f"{place} is ignored"
