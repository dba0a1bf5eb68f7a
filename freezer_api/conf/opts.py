# SPDX-License-Identifier: Apache-2.0
"""All options of the service, for the parser and for ``oslo-config-generator``."""

import copy
from collections.abc import Collection, Mapping
from typing import Any

from oslo_config import cfg
from oslo_db.options import database_opts
from oslo_log import log

from freezer_api.conf import catalog
from freezer_api.documents.limits import DEFAULTS
from freezer_api.repository.elastic.dialect import ENGINES

BIND: list[cfg.Opt] = [
    cfg.HostAddressOpt("bind-host", default="0.0.0.0", help="Address that the service listens on."),  # noqa: S104
    cfg.PortOpt("bind-port", default=9090, help="Port that the service listens on."),
]

SERVER: list[cfg.Opt] = [
    cfg.IntOpt(
        "workers",
        min=1,
        max=64,
        help="Number of worker processes. Defaults to the number of processors, at most 4.",
    ),
    cfg.IntOpt("threads", default=8, min=1, max=256, help="Number of threads of each worker process."),
]

SSL: list[cfg.Opt] = [
    cfg.StrOpt(
        "cert_file",
        help="Path of the certificate of the service, followed by the intermediate certificates. If set, the "
        "service uses HTTPS.",
    ),
    cfg.StrOpt("key_file", help="Path of the private key of the certificate. Defaults to cert_file."),
    cfg.StrOpt("ca_file", help="Path of the CA certificates for clients. If set, clients need a certificate."),
    cfg.StrOpt("ciphers", help="Ciphers of TLS 1.2, in the syntax of OpenSSL. Defaults to those of OpenSSL."),
]
"""TLS of ``freezer-api``, with the option names of oslo.service."""

GUNICORN: list[cfg.Opt] = [
    cfg.IntOpt(
        "backlog", default=2048, min=1, max=65535, help="Maximum number of connections that wait to be accepted."
    ),
    cfg.IntOpt(
        "graceful_timeout",
        default=25,
        min=0,
        help="Seconds that running requests have to complete when the service stops.",
    ),
    cfg.IntOpt(
        "keepalive",
        default=75,
        min=0,
        help="Seconds that an idle connection stays open. 0 closes each connection after one response. The "
        "default is longer than the usual interval between two polls of a scheduler.",
    ),
    cfg.IntOpt(
        "timeout", default=60, min=0, help="Seconds after which a worker that does not respond is replaced."
    ),
    cfg.IntOpt(
        "max_requests", default=0, min=0, help="Number of requests after which a worker is replaced. 0: never."
    ),
]
"""Settings of gunicorn under ``freezer-api``. The group can have all other settings of gunicorn, too."""

VERSIONS: list[cfg.Opt] = [
    cfg.BoolOpt("enable_v1_api", default=True, help="Serve version 1 of the API."),
    cfg.BoolOpt("enable_v2_api", default=True, help="Serve version 2 of the API."),
]

CENTRAL: list[cfg.Opt] = [
    cfg.BoolOpt("enabled", default=True, help="Create a trust for each job of a central client."),
    cfg.BoolOpt("enforce_trusts", default=False, help="Create a trust for every job, whichever client runs it."),
    cfg.StrOpt(
        "auth_section",
        default="keystone_authtoken",
        help="Group with the account of the central scheduler, which is the trustee.",
    ),
    cfg.ListOpt(
        "trusts_delegated_roles",
        default=["member"],
        help="Names of the roles that a trust delegates. An empty value delegates all roles of the token.",
    ),
]

PASTE_FILE = "freezer-paste.ini"

PASTE: list[cfg.Opt] = [
    cfg.StrOpt(
        "config_file",
        default=PASTE_FILE,
        help="Path of the paste file, which defines the pipeline of the API. A name without a directory is "
        "searched beside the configuration files, in /etc/freezer, and in the directory of the installed package.",
    ),
]

STANDALONE: list[cfg.Opt] = [
    cfg.BoolOpt(
        "standalone",
        default=False,
        help="Serve the embedded store without Keystone, on a loopback address only. For evaluation.",
    ),
    cfg.StrOpt(
        "data-dir", help="Directory of the embedded store. Defaults to freezer-api in the user's data directory."
    ),
    cfg.PortOpt("port", help="Port in standalone mode, 0 for a free port. Defaults to bind_port."),
]
"""Options that can be set only on the command line."""

API: list[cfg.Opt] = [
    cfg.IntOpt(
        "max_limit",
        default=DEFAULTS.max_limit,
        min=1,
        help="Maximum number of documents in a page of a list. A larger limit in a request is reduced to it.",
    ),
    cfg.IntOpt(
        "max_body_size",
        default=DEFAULTS.max_body_size,
        min=1024,
        help="Maximum size of a request body in bytes. A larger body is refused with 413.",
    ),
    cfg.IntOpt(
        "max_document_size",
        default=DEFAULTS.max_document_size,
        min=1024,
        help="Maximum size in bytes of a stored document. It includes copies of action_defaults and of stored "
        "actions, and excludes the properties that the service adds. A request that exceeds it is refused with "
        "413. A stored document above the limit can be changed as long as it does not grow.",
    ),
    cfg.IntOpt(
        "max_job_actions",
        default=DEFAULTS.max_job_actions,
        min=1,
        help="Maximum number of actions of a job. A request that exceeds it is refused with 400.",
    ),
    cfg.IntOpt(
        "max_session_jobs",
        default=DEFAULTS.max_session_jobs,
        min=1,
        help="Maximum number of jobs in a session. A request that exceeds it is refused with 400.",
    ),
    cfg.IntOpt(
        "max_searchable_values",
        default=DEFAULTS.max_searchable_values,
        min=1,
        help="Maximum number of searchable values of a document: the first values, and at most 1 MiB of their "
        "text. Further values are stored and returned, but searches do not find them. A new value of the option "
        "applies to documents that are written afterwards.",
    ),
    cfg.IntOpt(
        "max_page_bytes",
        default=DEFAULTS.max_page_bytes,
        min=1024,
        help="Size in bytes after which a page of a list ends early. A page has at least 10 documents unless it "
        "is the last one. The Link header has the URL of the next page.",
    ),
    cfg.IntOpt(
        "max_concurrent_lists",
        min=0,
        help="Maximum number of list requests of one project that a worker process serves at the same time. "
        "Further ones are refused with 429. Polls of schedulers are not limited. 0: no limit. Defaults to half "
        "of the threads of a worker, and to no limit if a worker has fewer than 4 threads or their number is "
        "unknown.",
    ),
    cfg.FloatOpt(
        "max_search_time",
        default=DEFAULTS.max_search_time,
        min=0,
        help="Seconds after which a search fails with 503. 0: no limit except those of the store.",
    ),
    cfg.FloatOpt(
        "request_head_timeout",
        default=5,
        min=0.1,
        help="Seconds in which freezer-api must receive the request line and all headers. After that it closes "
        "the connection, with a 408 response if it received a part. Other WSGI servers have their own options.",
    ),
    cfg.FloatOpt(
        "request_body_timeout",
        default=60,
        min=0.1,
        help="Seconds in which freezer-api must receive a request body. After that it responds with 408. Other "
        "WSGI servers have their own options.",
    ),
]


STORAGE: list[cfg.Opt] = [
    cfg.StrOpt(
        "driver",
        help="Store of the documents: 'elasticsearch' (also for OpenSearch) or 'sqlalchemy'. Class paths of "
        "older releases are accepted. Defaults to the store that the other options configure.",
    ),
    cfg.StrOpt("backend", help="Name of the group with the options of the Elasticsearch store."),
    cfg.StrOpt("db", help="Name of the store in the first releases: 'elasticsearch'."),
    cfg.StrOpt(
        "endpoint", help="URL of the Elasticsearch store in the first releases. Replaced by [elasticsearch] hosts."
    ),
]


_DATABASE_IN_EFFECT = (
    "connection",
    "connection_parameters",
    "db_max_retries",
    "max_overflow",
    "max_retries",
    "mysql_sql_mode",
    "mysql_wsrep_sync_wait",
    "retry_interval",
)

DATABASE: list[cfg.Opt] = [
    *(option for option in database_opts if option.dest in _DATABASE_IN_EFFECT),
    cfg.IntOpt(
        "connection_recycle_time",
        default=3600,
        deprecated_opts=[cfg.DeprecatedOpt("idle_timeout", group="database")],
        help="Age in seconds after which a connection is replaced when it is next used.",
    ),
    cfg.IntOpt(
        "max_pool_size",
        help="Number of connections that each worker process keeps open. Defaults to its threads. 0: no limit.",
    ),
]
"""The options of oslo.db that this service uses; ``obsolete.OPTIONS`` contains the others."""


def _once_in_storage(name: str) -> list[cfg.DeprecatedOpt]:
    return [cfg.DeprecatedOpt(name, group="storage")]


INDEX_PREFIX = r"^[a-z0-9][a-z0-9._-]{0,200}$"

ELASTICSEARCH: list[cfg.Opt] = [
    cfg.ListOpt(
        "hosts",
        default=["http://127.0.0.1:9200"],
        deprecated_opts=_once_in_storage("hosts"),
        help="URLs of the servers. They may contain a user and a password, but http_auth is safer.",
    ),
    cfg.StrOpt(
        "engine",
        default="auto",
        choices=ENGINES,
        help="Search engine type. 'auto' detects it with GET /, which requires the monitor privilege.",
    ),
    cfg.StrOpt(
        "index",
        default="freezer",
        regex=INDEX_PREFIX,
        deprecated_opts=_once_in_storage("index"),
        help="Prefix of the names of indices and aliases.",
    ),
    cfg.IntOpt(
        "number_of_replicas",
        default=0,
        min=0,
        deprecated_opts=_once_in_storage("number_of_replicas"),
        help="Number of copies of each index on other nodes. With 0, losing a node loses its documents.",
    ),
    cfg.StrOpt("http_auth", secret=True, help="User and password, as user:password."),
    cfg.StrOpt("username", help="User, if http_auth is not set."),
    cfg.StrOpt("password", secret=True, help="Password of the user in username."),
    cfg.StrOpt("api_key", secret=True, help="Encoded API key. Takes precedence over a password."),
    cfg.BoolOpt(
        "use_ssl",
        default=False,
        deprecated_opts=_once_in_storage("use_ssl"),
        help="Use TLS also for hosts whose URLs start with http://.",
    ),
    cfg.BoolOpt(
        "verify_certs",
        deprecated_opts=_once_in_storage("verify_certs"),
        help="Verify the TLS certificates of the servers. Defaults to true.",
    ),
    cfg.StrOpt(
        "ca_certs",
        deprecated_opts=_once_in_storage("ca_certs"),
        help="Path of the CA certificates for the servers. Defaults to the well-known CAs.",
    ),
    cfg.StrOpt(
        "fingerprint",
        help="Hexadecimal SHA-256 of the servers' certificate. This certificate is trusted whatever CA signed it.",
    ),
    cfg.StrOpt("client_cert", help="Path of the client certificate of the service."),
    cfg.StrOpt("client_key", help="Path of the private key of client_cert."),
    cfg.FloatOpt(
        "deadline",
        default=5.0,
        min=0.1,
        help="Seconds after which a request fails with 503 if the store does not respond. They include all "
        "attempts and the wait for a thread.",
    ),
    cfg.IntOpt(
        "timeout",
        default=60,
        min=1,
        deprecated_opts=_once_in_storage("timeout"),
        help="Seconds for one attempt, at most half of deadline.",
    ),
    cfg.IntOpt(
        "retries",
        default=20,
        min=0,
        deprecated_opts=_once_in_storage("retries"),
        help="Maximum number of retries within deadline if the store is busy or unreachable.",
    ),
]

QUIET = ("alembic=WARN", "elastic_transport=ERROR")
"""Log levels of libraries that log each of their steps."""


_OF_STORES = {"api": API, "storage": STORAGE, "database": DATABASE, "elasticsearch": ELASTICSEARCH}
_GROUPS = {
    "DEFAULT": [*BIND, *SERVER, *VERSIONS],
    "ssl": SSL,
    "gunicorn": GUNICORN,
    **_OF_STORES,
    "paste_deploy": PASTE,
    "centralized_scheduler": CENTRAL,
}


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options of the service."""
    _register(conf, _GROUPS)


def register_stores(conf: cfg.ConfigOpts) -> None:
    """Register the options of the stores, and the limits of documents."""
    _register(conf, _OF_STORES)


def _register(conf: cfg.ConfigOpts, groups: Mapping[str, list[cfg.Opt]]) -> None:
    for group, options in groups.items():
        conf.register_opts(options, group=None if group == "DEFAULT" else group)


def register_elasticsearch(conf: cfg.ConfigOpts, group: str) -> None:
    """Register the options of the Elasticsearch store in this group."""
    conf.register_opts(ELASTICSEARCH, group=group)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return all options by group, for the sample of the configuration file.

    Options of oslo.db, oslo.log and oslo.policy that have no effect in this service are left out. The defaults are
    those of the running service.
    """
    from keystoneauth1 import loading

    logging = _library_options(
        "oslo.log",
        # Log records of this service never refer to an instance.
        without=("instance_format", "instance_uuid_format"),
        default_log_levels=[*log.get_default_log_levels(), *QUIET],
        use_stderr=True,
    )
    groups = {
        **_GROUPS,
        "DEFAULT": [*_GROUPS["DEFAULT"], *logging],
        # The account, of which the middleware lists no more than the type.
        "keystone_authtoken": loading.get_auth_plugin_conf_options("password"),
        # No rule has a deprecated predecessor.
        "oslo_policy": _library_options("oslo.policy", without=("enforce_new_defaults",)),
    }
    return [(group, copy.deepcopy(options)) for group, options in groups.items()]


def _library_options(namespace: str, *, without: Collection[str], **defaults: Any) -> list[cfg.Opt]:
    """Return copies of the options of a library, with the defaults that this service gives them."""
    options = [copy.copy(option) for _, option in catalog.options(namespace) if option.dest not in without]
    cfg.set_defaults(options, **defaults)
    return options
