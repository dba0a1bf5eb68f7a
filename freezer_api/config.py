"""Every option of the service, for the parser and for ``oslo-config-generator``."""

import copy
from pathlib import Path

from oslo_config import cfg

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
    cfg.StrOpt("service_user", help="Means nothing any more: auth_section names the account."),
    cfg.StrOpt("service_user_domain", default="default", help="Means nothing any more."),
]

PASTE: list[cfg.Opt] = [
    cfg.StrOpt(
        "config_file",
        default="freezer-paste.ini",
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
        default=1000,
        min=1,
        help="The most documents that one page of a list holds; a larger limit is lowered to it.",
    ),
    cfg.IntOpt(
        "max_body_size",
        default=1024 * 1024,
        min=1024,
        help="The most bytes that the body of a request has; a larger one is refused with 413.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    """Make the options known to ``conf``."""
    conf.register_opts(API, group="api")
    conf.register_opts(PASTE, group="paste_deploy")
    conf.register_opts(CENTRAL, group="centralized_scheduler")
    conf.register_opts(VERSIONS)
    conf.register_cli_opts([*BIND, *SERVER])


def register_standalone(conf: cfg.ConfigOpts) -> None:
    """Make the arguments of standalone mode known to ``conf``."""
    conf.register_cli_opts(STANDALONE)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """All options by group, for the sample of the configuration file."""
    return [
        ("DEFAULT", copy.deepcopy([*BIND, *SERVER, *VERSIONS])),
        ("api", copy.deepcopy(API)),
        ("paste_deploy", copy.deepcopy(PASTE)),
        ("centralized_scheduler", copy.deepcopy(CENTRAL)),
    ]


def default_config_files() -> list[str]:
    """The configuration files that are read when none is named; of two the second wins."""
    directories = (Path.home() / ".freezer", Path.home(), Path("/etc/freezer"), Path("/etc"))
    found = (
        next((str(directory / name) for directory in directories if (directory / name).exists()), None)
        for name in ("freezer.conf", "freezer-api.conf")
    )
    return [path for path in found if path is not None]
