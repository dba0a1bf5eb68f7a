"""Every option of the service, for the parser and for ``oslo-config-generator``."""

import copy
from collections.abc import Collection
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
        help="Worker processes. Unset: as many as there are processors, at most 4.",
    ),
    cfg.IntOpt("threads", default=8, min=1, max=256, help="Threads of each worker process."),
]

SSL: list[cfg.Opt] = [
    cfg.StrOpt(
        "cert_file",
        help="File of the service's certificate, with those between it and its authority. "
        "Set: the service speaks HTTPS.",
    ),
    cfg.StrOpt("key_file", help="File of the key that belongs to it. Unset: the key is in cert_file."),
    cfg.StrOpt("ca_file", help="File of the authorities that vouch for clients. Set: clients need a certificate."),
    cfg.StrOpt("ciphers", help="Ciphers of TLS 1.2 that are offered, as OpenSSL writes them. Unset: its default."),
]
"""Of ``freezer-api``; under the names that other services have for it."""

GUNICORN: list[cfg.Opt] = [
    cfg.IntOpt("backlog", default=2048, min=1, max=65535, help="Connections that may wait to be accepted."),
    cfg.IntOpt(
        "graceful_timeout",
        default=25,
        min=0,
        help="Seconds in which requests that are running have to be done when the service stops.",
    ),
    cfg.IntOpt(
        "keepalive",
        default=75,
        min=0,
        help="Seconds that an idle connection stays open; 0 closes each after one answer. The default is longer "
        "than schedulers usually wait between two polls.",
    ),
    cfg.IntOpt("timeout", default=60, min=0, help="Seconds after which a worker that hangs is replaced."),
    cfg.IntOpt("max_requests", default=0, min=0, help="Requests after which a worker is replaced; 0: never."),
]
"""Of ``freezer-api``. All other settings of gunicorn can be set in this group, by gunicorn's names."""

VERSIONS: list[cfg.Opt] = [
    cfg.BoolOpt("enable_v1_api", default=True, help="Whether version 1 of the API is offered."),
    cfg.BoolOpt("enable_v2_api", default=True, help="Whether version 2 of the API is offered."),
]

CENTRAL: list[cfg.Opt] = [
    cfg.BoolOpt("enabled", default=True, help="Whether jobs of central clients get a trust of their creator's."),
    cfg.BoolOpt("enforce_trusts", default=False, help="Give every job a trust, whichever client runs it."),
    cfg.StrOpt(
        "auth_section",
        default="keystone_authtoken",
        help="The section with the account of the central scheduler, to which jobs are entrusted.",
    ),
    cfg.ListOpt(
        "trusts_delegated_roles",
        default=["member"],
        help="Names of the roles that a trust delegates. Empty: all roles of the token.",
    ),
]

PASTE_FILE = "freezer-paste.ini"

PASTE: list[cfg.Opt] = [
    cfg.StrOpt(
        "config_file",
        default=PASTE_FILE,
        help="The file that says what requests pass on their way to the API. A name without a directory is looked "
        "for beside the configuration files, in /etc/freezer, and where the package installed its own.",
    ),
]

STANDALONE: list[cfg.Opt] = [
    cfg.BoolOpt(
        "standalone",
        default=False,
        help="Serve on the embedded store, without Keystone, on a loopback address only. For trying things out.",
    ),
    cfg.StrOpt("data-dir", help="Directory of the embedded store. Unset: the user's data directory."),
    cfg.PortOpt("port", help="Port in standalone mode, 0 for a free one. Unset: bind_port."),
]
"""For the command line alone."""

API: list[cfg.Opt] = [
    cfg.IntOpt(
        "max_limit",
        default=DEFAULTS.max_limit,
        min=1,
        help="The most documents that one page of a list holds; a larger limit is lowered to it.",
    ),
    cfg.IntOpt(
        "max_body_size",
        default=DEFAULTS.max_body_size,
        min=1024,
        help="The most bytes that the body of a request has; a larger one is refused with 413.",
    ),
    cfg.IntOpt(
        "max_document_size",
        default=DEFAULTS.max_document_size,
        min=1024,
        help="Largest size in bytes of a document as it is stored, with action_defaults and stored actions copied "
        "in and without what the service itself adds. A request that makes a document larger is refused with 413. "
        "A stored document above the limit can be changed as long as it does not grow.",
    ),
    cfg.IntOpt(
        "max_job_actions",
        default=DEFAULTS.max_job_actions,
        min=1,
        help="Largest number of actions of a job. A request that exceeds it is refused with 400.",
    ),
    cfg.IntOpt(
        "max_session_jobs",
        default=DEFAULTS.max_session_jobs,
        min=1,
        help="Largest number of jobs in a session. A request that exceeds it is refused with 400.",
    ),
    cfg.IntOpt(
        "max_searchable_values",
        default=DEFAULTS.max_searchable_values,
        min=1,
        help="Number of values of a document that searches find: the first ones, and no more than 1 MiB of their "
        "text. Values beyond are stored and shown, but not found. A change of the option takes effect for a "
        "document when it is written.",
    ),
    cfg.IntOpt(
        "max_page_bytes",
        default=DEFAULTS.max_page_bytes,
        min=1024,
        help="Size in bytes of the documents of one page of a list, after which the page ends early. A page "
        "always has 10 documents if there are as many; the header Link leads to the next page.",
    ),
    cfg.IntOpt(
        "max_concurrent_lists",
        min=0,
        help="Number of lists of one project that a worker process serves at a time; further ones are refused "
        "with 429. The polls of schedulers do not count and are never refused. 0: no limit. Unset: half of the "
        "threads of a worker, and no limit if it has fewer than 4 or if their number is not known.",
    ),
    cfg.FloatOpt(
        "max_search_time",
        default=DEFAULTS.max_search_time,
        min=0,
        help="Seconds after which a search is stopped and answered with 503. 0: no limit but those of the store.",
    ),
    cfg.FloatOpt(
        "request_head_timeout",
        default=5,
        min=0.1,
        help="Seconds in which the request line and all headers have to arrive, under freezer-api; then the "
        "connection is closed, after 408 if something has arrived. Other servers have options of their own.",
    ),
    cfg.FloatOpt(
        "request_body_timeout",
        default=60,
        min=0.1,
        help="Seconds in which the body of a request has to arrive, under freezer-api; else 408. Other "
        "servers have options of their own.",
    ),
]


STORAGE: list[cfg.Opt] = [
    cfg.StrOpt(
        "driver",
        help="What documents are kept in: 'elasticsearch' (OpenSearch too) or 'sqlalchemy'. The class paths of "
        "older releases are understood. Unset: whichever the other options name.",
    ),
    cfg.StrOpt("backend", help="Name of the group with the options of the Elasticsearch store."),
    cfg.StrOpt("db", help="Name of the store in the first releases; 'elasticsearch' is the only one."),
    cfg.StrOpt("endpoint", help="Address of the Elasticsearch store in the first releases, for 'hosts'."),
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
        help="Connections that each worker process keeps open. Unset: one for each of its threads. 0: no limit.",
    ),
]
"""The options of oslo.db that have an effect here; ``obsolete.OPTIONS`` has the others."""


def _once_in_storage(name: str) -> list[cfg.DeprecatedOpt]:
    return [cfg.DeprecatedOpt(name, group="storage")]


INDEX_PREFIX = r"^[a-z0-9][a-z0-9._-]{0,200}$"

ELASTICSEARCH: list[cfg.Opt] = [
    cfg.ListOpt(
        "hosts",
        default=["http://127.0.0.1:9200"],
        deprecated_opts=_once_in_storage("hosts"),
        help="URLs of the servers. A user and a password may stand in them; 'http_auth' is the better place.",
    ),
    cfg.StrOpt(
        "engine",
        default="auto",
        choices=ENGINES,
        help="What the servers are. 'auto' asks them, which a user without the right to monitor cannot.",
    ),
    cfg.StrOpt(
        "index",
        default="freezer",
        regex=INDEX_PREFIX,
        deprecated_opts=_once_in_storage("index"),
        help="What the names of indices and aliases start with.",
    ),
    cfg.IntOpt(
        "number_of_replicas",
        default=0,
        min=0,
        deprecated_opts=_once_in_storage("number_of_replicas"),
        help="Copies of each index on further nodes. With 0 the loss of a node is the loss of its documents.",
    ),
    cfg.StrOpt("http_auth", secret=True, help="User and password, as user:password."),
    cfg.StrOpt("username", help="User, where http_auth is not set."),
    cfg.StrOpt("password", secret=True, help="Password of that user."),
    cfg.StrOpt("api_key", secret=True, help="An API key, encoded; counts before a password."),
    cfg.BoolOpt(
        "use_ssl",
        default=False,
        deprecated_opts=_once_in_storage("use_ssl"),
        help="Speak TLS to hosts that are written with http://, too.",
    ),
    cfg.BoolOpt(
        "verify_certs",
        deprecated_opts=_once_in_storage("verify_certs"),
        help="Whether servers have to prove who they are. Unset: they have to.",
    ),
    cfg.StrOpt(
        "ca_certs",
        deprecated_opts=_once_in_storage("ca_certs"),
        help="File of the authorities that vouch for the servers' certificates. Unset: the well-known ones.",
    ),
    cfg.StrOpt(
        "fingerprint",
        help="SHA-256 of the servers' certificate, hexadecimal: that one is trusted, whoever has signed it.",
    ),
    cfg.StrOpt("client_cert", help="File of the certificate by which the service proves who it is."),
    cfg.StrOpt("client_key", help="File of the key that belongs to client_cert."),
    cfg.FloatOpt(
        "deadline",
        default=5.0,
        min=0.1,
        help="Seconds in which a request is answered with 503 if the store does not answer, with all attempts and "
        "the time that the request waits for a thread.",
    ),
    cfg.IntOpt(
        "timeout",
        default=60,
        min=1,
        deprecated_opts=_once_in_storage("timeout"),
        help="Seconds that one attempt may take; never more than half of 'deadline'.",
    ),
    cfg.IntOpt(
        "retries",
        default=20,
        min=0,
        deprecated_opts=_once_in_storage("retries"),
        help="Further attempts within 'deadline' when the store is busy or cannot be reached.",
    ),
]

QUIET = ("alembic=WARN", "elastic_transport=ERROR")
"""Levels of libraries whose every step is nobody's business."""


def register(conf: cfg.ConfigOpts) -> None:
    """Make the options known to ``conf``."""
    register_stores(conf)
    conf.register_opts(PASTE, group="paste_deploy")
    conf.register_opts(CENTRAL, group="centralized_scheduler")
    conf.register_opts(VERSIONS)
    conf.register_opts([*BIND, *SERVER])
    conf.register_opts(SSL, group="ssl")
    conf.register_opts(GUNICORN, group="gunicorn")


def register_stores(conf: cfg.ConfigOpts) -> None:
    """Make the options of the stores known to ``conf``, and the limits, which apply to what they hold."""
    conf.register_opts(API, group="api")
    conf.register_opts(STORAGE, group="storage")
    conf.register_opts(DATABASE, group="database")
    register_elasticsearch(conf, "elasticsearch")


def register_elasticsearch(conf: cfg.ConfigOpts, group: str) -> None:
    """Make the options of the Elasticsearch store known to ``conf``, in this group."""
    conf.register_opts(ELASTICSEARCH, group=group)


def register_arguments(conf: cfg.ConfigOpts) -> None:
    """Make the arguments of the service's command line known to ``conf``; before :func:`register`."""
    conf.register_cli_opts([*BIND, *SERVER, *STANDALONE])


def default_log_levels() -> list[str]:
    """Return the default of ``default_log_levels``: oslo.log's levels and those of this service's libraries."""
    return [*log.get_default_log_levels(), *QUIET]


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """Return all options by group, for the sample of the configuration file.

    Of oslo.db, oslo.log and oslo.policy these are the options that have an effect in this service. Every default
    is the value that holds while the service runs.
    """
    from keystoneauth1 import loading

    logging = _library_options(
        "oslo.log",
        # No record of this service is about an instance.
        without=("instance_format", "instance_uuid_format"),
        default_log_levels=default_log_levels(),
        use_stderr=True,
    )
    groups = {
        "DEFAULT": [*BIND, *SERVER, *VERSIONS, *logging],
        "ssl": SSL,
        "gunicorn": GUNICORN,
        "api": API,
        "paste_deploy": PASTE,
        "storage": STORAGE,
        "elasticsearch": ELASTICSEARCH,
        "database": DATABASE,
        "centralized_scheduler": CENTRAL,
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
