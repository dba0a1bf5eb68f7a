# SPDX-License-Identifier: Apache-2.0
"""``freezer-manage``: create, upgrade, show and remove the indices or tables; export and import documents."""

import contextlib
import json
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from oslo_config import cfg

from freezer_api import bootstrap, stores
from freezer_api.bootstrap import UsageError
from freezer_api.cmd import archives, importing, process
from freezer_api.cmd.progress import Progress
from freezer_api.conf import opts, reading
from freezer_api.documents.registry import KINDS
from freezer_api.errors import CommandError
from freezer_api.operations import duplicates
from freezer_api.operations.membership import Membership
from freezer_api.repository.admin import StoreAdmin

LOG = logging.getLogger(__name__)

PROGRAM = "freezer-manage"

_ABOUT = (
    "Create, upgrade, show and remove the indices or tables; export all documents; import those of an export or "
    "of the original service."
)

_NAMES = [kind.name for kind in KINDS]

_ARGUMENTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "category",
        positional=True,
        help="db: the indices or tables; export: write all documents to a file; import, without a further word: "
        "documents of an export or of the original service.",
    ),
    cfg.StrOpt(
        "command",
        positional=True,
        help="With db: sync or update: create or upgrade them without loss of documents; show: print JSON; "
        "remove: remove them with all documents; update-settings: apply the number of replicas. With export: the "
        "file, - is stdout.",
    ),
    cfg.BoolOpt("yes", short="y", default=False, help="Answer every question with yes."),
    cfg.BoolOpt(
        "erase",
        short="e",
        default=False,
        help="With sync: remove another program's index with the name of this service's, after a question.",
    ),
    cfg.StrOpt("mapping", short="m", help=f"Only this kind of document: {', '.join(_NAMES)}."),
    cfg.StrOpt(
        "index",
        short="i",
        regex=opts.INDEX_PREFIX,
        help="The prefix of index names, instead of the configured one.",
    ),
    cfg.BoolOpt(
        "test-only",
        short="t",
        default=False,
        help="Print what would be done and change nothing.",
    ),
    *importing.ARGUMENTS,
]
_CATEGORIES = ("db", "export", "import")
_NO_COMMAND = "documents"

MAX_LINES = 20
"""Maximum number of lines about clients that ``db sync`` prints."""

_IGNORED = ("host", "hosts", "port")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code."""
    arguments = list(_tolerated(sys.argv[1:] if argv is None else argv))
    if not arguments:
        with contextlib.redirect_stdout(sys.stderr), contextlib.suppress(SystemExit):
            main(["--help"])
        return 2
    conf = cfg.CONF
    opts.register_stores(conf)
    conf.register_cli_opts([*_ARGUMENTS, *(cfg.StrOpt(name, help="Ignored.") for name in _IGNORED)])
    return process.run(PROGRAM, partial(_run, conf, arguments))


def _check_usage(conf: cfg.ConfigOpts) -> None:
    if conf.category not in _CATEGORIES:
        raise UsageError(f"the category {conf.category} is unknown; choose from {', '.join(_CATEGORIES)}")
    if conf.category == "db" and conf.command not in _COMMANDS:
        raise UsageError(f"db {conf.command} is unknown; choose from {', '.join(_COMMANDS)}")
    importing.check_usage(conf)
    if conf.mapping is not None and conf.mapping not in _NAMES:
        raise UsageError(f"--mapping {conf.mapping} is unknown; choose from {', '.join(_NAMES)}")


def _tolerated(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the arguments without the value that older releases required after ``--test-only``, and with a word
    after ``import``, because the parser expects two.
    """
    words = ("db", "import", *_COMMANDS)
    seen: list[str] = []
    for argument in arguments:
        if seen[-1:] not in (["-t"], ["--test-only"]) or argument.startswith("-") or argument in words:
            yield argument
        if argument == "import" and not {"db", "export", "import"}.intersection(seen):
            yield _NO_COMMAND
        seen.append(argument)


def _repair(store: stores.Store) -> None:
    """Complete interrupted changes of several documents."""
    with contextlib.closing(store.open(threads=1)) as repository:
        Membership(repository, lambda: int(time.time())).complete_all()
        lines = list(duplicates.unite_all(repository))
    more = [f"{len(lines) - MAX_LINES} more clients are registered by several users"] if lines[MAX_LINES:] else []
    for line in [*lines[:MAX_LINES], *more]:
        print(f"{PROGRAM}: {line}", file=sys.stderr)


def _run(conf: cfg.ConfigOpts, arguments: Sequence[str]) -> int:
    try:
        reading.read(conf, arguments, PROGRAM, _ABOUT)
    except cfg.RequiredOptError as error:
        raise UsageError(f"the argument {error.opt_name} must not be empty") from None
    _check_usage(conf)
    bootstrap.set_up(conf, program=PROGRAM)
    for name in _IGNORED:
        if conf[name] is not None:
            print(f"{PROGRAM}: --{name} is ignored; the configuration has the address", file=sys.stderr)
    store = stores.find_store(conf)
    stores.warn_if_embedded(store)
    if conf.index and isinstance(store, stores.ElasticsearchStore):
        store = replace(store, options=replace(store.options, index=conf.index))
    if conf.category == "import":
        return importing.run(conf, store)
    if conf.category == "export":
        archives.export(store, importing.kinds(conf), conf.command)
        return 0
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
        for kind in _kinds(conf):
            print(*(admin.pending([kind]) or [f"{kind}: is current"]), sep="\n")
        return
    for kind in _kinds(conf):
        admin.sync([kind], lambda question: conf.erase and _confirmed(conf, question), Progress().task)
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
    # stdin is None if it was closed before the start.
    if sys.stdin is None or not sys.stdin.isatty():
        raise CommandError(f"{question} stdin is not a terminal: use --yes")
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
