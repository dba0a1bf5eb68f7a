"""``freezer-manage``: makes, upgrades, shows and removes what documents are kept in, and imports older ones."""

import contextlib
import json
import logging
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from oslo_config import cfg

from freezer_api import bootstrap, stores
from freezer_api.bootstrap import UsageError
from freezer_api.cmd import importing, signals
from freezer_api.cmd.output import printed
from freezer_api.conf import opts
from freezer_api.documents.registry import KINDS
from freezer_api.errors import CommandError, FreezerError
from freezer_api.operations import duplicates
from freezer_api.operations.membership import Membership
from freezer_api.repository.admin import StoreAdmin

LOG = logging.getLogger(__name__)

PROGRAM = "freezer-manage"

_ABOUT = "Makes, upgrades, shows and removes what documents are kept in; takes over those of the original service."

_NAMES = [kind.name for kind in KINDS]

_ARGUMENTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "category",
        positional=True,
        help="db: what documents are kept in; import, without a further word: documents of the original service.",
    ),
    cfg.StrOpt(
        "command",
        positional=True,
        help="In db: sync, or update: make it or bring it up to date, without loss; show: print what there is, as "
        "JSON; remove: take it away with all documents; update-settings: apply the number of replicas.",
    ),
    cfg.BoolOpt("yes", short="y", default=False, help="Answer every question with yes."),
    cfg.BoolOpt(
        "erase",
        short="e",
        default=False,
        help="In sync: remove an index that has the name of ours and is none, after a question.",
    ),
    cfg.StrOpt("mapping", short="m", help=f"Only this kind of document: {', '.join(_NAMES)}."),
    cfg.StrOpt(
        "index",
        short="i",
        regex=opts.INDEX_PREFIX,
        help="What index names start with, instead of the configured prefix.",
    ),
    cfg.BoolOpt(
        "test-only",
        short="t",
        default=False,
        help="Print what would be done and change nothing.",
    ),
    *importing.ARGUMENTS,
]
_NO_WORD = "documents"

MAX_LINES = 20
"""Lines about single clients that ``db sync`` prints."""

_IGNORED = ("host", "hosts", "port")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    arguments = list(_tolerated(sys.argv[1:] if argv is None else argv))
    if not arguments:
        with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SystemExit):
            main(["--help"])
        return 2
    conf = cfg.CONF
    opts.register_stores(conf)
    conf.register_cli_opts([*_ARGUMENTS, *(cfg.StrOpt(name, help="Ignored.") for name in _IGNORED)])
    # `db show | head` is no failure.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signals.raise_on_signals()
    try:
        bootstrap.read(conf, arguments, PROGRAM, _ABOUT)
        _check_usage(conf)
        bootstrap.set_up(conf, program=PROGRAM)
        with printed():
            return _run(conf)
    except UsageError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 2
    except FreezerError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    except signals.Stopped as stop:
        print(f"{PROGRAM}: {stop}", file=sys.stderr)
        return int(str(stop.code))


def _check_usage(conf: cfg.ConfigOpts) -> None:
    if conf.category not in ("db", "import"):
        raise UsageError(f"there is no category {conf.category}, only db and import")
    if conf.category == "db" and conf.command not in _COMMANDS:
        raise UsageError(f"db {conf.command} is none of {', '.join(_COMMANDS)}")
    importing.check_usage(conf, is_meant=conf.category == "import")
    if conf.mapping is not None and conf.mapping not in _NAMES:
        raise UsageError(f"--mapping {conf.mapping} is none of {', '.join(_NAMES)}")


def _tolerated(arguments: Sequence[str]) -> Iterator[str]:
    """Without the value that ``--test-only`` once took by mistake, and with a word after ``import``, which the
    parser expects.
    """
    words = ("db", "import", *_COMMANDS)
    before = ""
    for argument in arguments:
        if before not in ("-t", "--test-only") or argument.startswith("-") or argument in words:
            yield argument
        if argument == "import" and "db" not in arguments:
            yield _NO_WORD
        before = argument


def _repair(store: stores.Store) -> None:
    """Complete changes of several documents that were interrupted."""
    with contextlib.closing(store.open(threads=1)) as repository:
        Membership(repository, lambda: int(time.time())).complete_all()
        lines = list(duplicates.unite_all(repository))
    more = [f"{len(lines) - MAX_LINES} more clients are registered by several users"] if lines[MAX_LINES:] else []
    for line in [*lines[:MAX_LINES], *more]:
        print(f"{PROGRAM}: {line}", file=sys.stderr)


def _run(conf: cfg.ConfigOpts) -> int:
    for name in _IGNORED:
        if conf[name] is not None:
            print(f"{PROGRAM}: --{name} is ignored; the configuration says where the store is", file=sys.stderr)
    store = stores.find_store(conf)
    stores.warn_if_embedded(store)
    if conf.index and isinstance(store, stores.ElasticsearchStore):
        store = replace(store, options=replace(store.options, index=conf.index))
    if conf.category == "import":
        return importing.run(conf, store)
    admin = store.admin()
    try:
        _COMMANDS[conf.command](conf, admin)
        if _COMMANDS[conf.command] is _sync and not conf.test_only and not conf.mapping:
            _repair(store)
    finally:
        admin.close()
    return 0


def _kinds(conf: cfg.ConfigOpts) -> list[str]:
    return [conf.mapping] if conf.mapping else _NAMES


def _sync(conf: cfg.ConfigOpts, admin: StoreAdmin) -> None:
    if conf.test_only:
        for line in admin.plan(_kinds(conf)):
            print(line)
        return
    for kind in _kinds(conf):
        admin.sync([kind], lambda question: conf.erase and _confirmed(conf, question))
        print(f"Creating or Updating {kind} is True", flush=True)
    for note in admin.notes():
        print(f"{PROGRAM}: {note}", file=sys.stderr)


def _remove(conf: cfg.ConfigOpts, admin: StoreAdmin) -> None:
    there = admin.remove(_kinds(conf), test_only=True)
    if not there:
        print("No Tables/Mappings found!")
    elif conf.test_only:
        for kind in there:
            print(f"{kind}: would be removed")
    elif _confirmed(conf, "Do you want to remove index as well ?"):
        for kind in admin.remove(_kinds(conf)):
            print(f"Deleting {kind} is True")
    else:
        raise CommandError("nothing was removed")


def _confirmed(conf: cfg.ConfigOpts, question: str) -> bool:
    if conf.yes:
        return True
    # None when it was closed before the start.
    if sys.stdin is None or not sys.stdin.isatty():
        raise CommandError(f"{question} There is no terminal to ask at: use --yes")
    answer = ""
    while answer not in ("y", "n"):
        print(f"{question} (y/n) ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        answer = line.strip().lower() if line else "n"
    return answer == "y"


def _show(_conf: cfg.ConfigOpts, admin: StoreAdmin) -> None:
    shown: Any = admin.show()
    print("No Tables/Mappings found!" if shown is None else json.dumps(shown, indent=4))


def _update_settings(conf: cfg.ConfigOpts, admin: StoreAdmin) -> None:
    print("The settings would be updated" if conf.test_only else admin.update_settings())


_COMMANDS = {
    "sync": _sync,
    "update": _sync,
    "remove": _remove,
    "show": _show,
    "update-settings": _update_settings,
}

if __name__ == "__main__":
    sys.exit(main())
