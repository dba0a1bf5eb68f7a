"""``freezer-manage import``: takes over what the original service has left."""

import sys
from contextlib import closing
from pathlib import Path

from oslo_config import cfg

from freezer_api.bootstrap import UsageError
from freezer_api.compat.legacy.dump import STDIN, Dump
from freezer_api.compat.legacy.findings import Refused, Source
from freezer_api.compat.legacy.sql import Database
from freezer_api.compat.legacy.transfer import Count, OnConflict, Transfer, refusal
from freezer_api.conf import values
from freezer_api.documents.fields import is_id
from freezer_api.documents.kind import Kind
from freezer_api.documents.registry import KINDS
from freezer_api.errors import CommandError, ConfigurationError, Unavailable
from freezer_api.repository.protocol import Repository
from freezer_api.stores import Store

IN_ORDER = ("actions", "clients", "jobs", "sessions", "backups")
"""What is named is there before what names it."""

SYNC = "freezer-manage db sync"

CONFIGURED = "database"
"""In the place of a URL: the one of ``[database] connection``."""

_CHOICES = [choice.value for choice in OnConflict]

ARGUMENTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "from-sql",
        metavar="URL",
        help="In import: the original's database, as its [database] connection names it; the word "
        f"'{CONFIGURED}' means the connection that is configured here.",
    ),
    cfg.StrOpt(
        "from-dump",
        metavar="FILE",
        help="In import: hits of the original's Elasticsearch as JSON, one on a line, or answers to searches; "
        f"'{STDIN}' is stdin.",
    ),
    cfg.BoolOpt("dry-run", default=False, help="In import: say what would be taken over and change nothing."),
    cfg.MultiStrOpt("kind", default=[], help="In import: only this kind of document; may be repeated."),
    cfg.StrOpt(
        "project-map",
        metavar="FILE",
        help="In import: lines 'user_id: project_id', the projects of users whose documents have none.",
    ),
    cfg.StrOpt(
        "on-conflict",
        default=OnConflict.SKIP.value,
        help=f"In import: {', '.join(_CHOICES)}; what to do with a document whose id another one has there.",
    ),
]


def check_usage(conf: cfg.ConfigOpts, *, is_meant: bool) -> None:
    """Raise ``UsageError`` for flags that say nothing sensible, or stand with another command."""
    if not is_meant:
        _check_none(conf)
        return
    if bool(conf.from_sql) == bool(conf.from_dump):
        raise UsageError("import needs one of --from-sql and --from-dump")
    if conf.on_conflict not in _CHOICES:
        raise UsageError(f"--on-conflict {conf.on_conflict} is none of {', '.join(_CHOICES)}")
    for name in conf.kind:
        if name not in IN_ORDER:
            raise UsageError(f"--kind {name} is none of {', '.join(IN_ORDER)}")


def _check_none(conf: cfg.ConfigOpts) -> None:
    for option in ARGUMENTS:
        if conf[option.dest] != option.default:
            raise UsageError(f"--{option.name} belongs to import")


def run(conf: cfg.ConfigOpts, store: Store) -> int:
    """Take everything over, and say so; 1 when something was refused."""
    projects = _projects(conf.project_map) if conf.project_map else {}
    url = _url(conf)
    with closing(_opened(store)) as repository, closing(_source(conf, url)) as source:
        strays = sum(map(_told, source.strays()))
        transfer = Transfer(
            source,
            repository,
            projects=projects,
            on_conflict=OnConflict(conf.on_conflict),
            is_trial=_is_trial(conf),
            tell=_tell,
            limits=values.read_limits(conf),
        )
        counts = [_taken(conf, transfer, kind) for kind in _kinds(conf)]
    oversized = sum(count.oversized for count in counts)
    if oversized:
        _tell(f"Documents above a limit of [api]: {oversized}. They can be changed as long as they do not grow")
    homeless = sum(count.homeless for count in counts)
    if homeless:
        _tell(f"Documents without a project: {homeless}. Version 2 shows them to nobody, see --project-map")
    return 1 if strays or any(count.refused for count in counts) else 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _told(refused: Refused) -> bool:
    _tell(refusal(refused))
    return True


def _is_trial(conf: cfg.ConfigOpts) -> bool:
    return bool(conf.dry_run or conf.test_only)


def _kinds(conf: cfg.ConfigOpts) -> list[Kind]:
    named = conf.kind or ([conf.mapping] if conf.mapping else IN_ORDER)
    by_name = {kind.name: kind for kind in KINDS}
    return [by_name[name] for name in IN_ORDER if name in named]


def _taken(conf: cfg.ConfigOpts, transfer: Transfer, kind: Kind) -> Count:
    count = transfer.run(kind)
    line = f"Imported {kind.name}: {count.new} new, {count.skipped} skipped, {count.refused} refused"
    replaced = f", {count.replaced} replaced" if count.replaced else ""
    print(line + replaced + (" (dry run: nothing was changed)" if _is_trial(conf) else ""), flush=True)
    return count


def _opened(store: Store) -> Repository:
    repository = store.open(threads=1)
    try:
        repository.check()
    except Unavailable:
        repository.close()
        raise CommandError(
            f"the store {store} is not there, or not as this release needs it: run '{SYNC}' first"
        ) from None
    return repository


def _url(conf: cfg.ConfigOpts) -> str | None:
    url: str | None = conf.from_sql
    if url == CONFIGURED:
        url = values.read_connection(conf)
        if not url:
            raise ConfigurationError(f"--from-sql {CONFIGURED}: [database] connection is not set")
    return url


def _source(conf: cfg.ConfigOpts, url: str | None) -> Source:
    return Dump(conf.from_dump) if url is None else Database(url, any_revision=conf.yes)


def _projects(name: str) -> dict[str, str]:
    """The project of each user."""
    try:
        lines = Path(name).read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise CommandError(f"cannot read {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"cannot read {name}: it is not UTF-8") from None
    projects: dict[str, str] = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if line and not line.startswith("#"):
            user_id, project_id = _pair(line, f"{name}, line {number}")
            if projects.setdefault(user_id, project_id) != project_id:
                raise CommandError(f"{name}, line {number}: the user has another project already")
    return projects


def _pair(line: str, place: str) -> tuple[str, str]:
    user_id, _, project_id = (part.strip() for part in line.rpartition(":"))
    if not user_id or not is_id(project_id):
        raise CommandError(f"{place}: it is not 'user_id: project_id'")
    return user_id, project_id
