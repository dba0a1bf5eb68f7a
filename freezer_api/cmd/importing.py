# SPDX-License-Identifier: Apache-2.0
"""``freezer-manage import``: import documents of the original service, or of an export."""

from pathlib import Path

from oslo_config import cfg

from freezer_api.bootstrap import UsageError
from freezer_api.cmd import archives
from freezer_api.cmd.progress import Progress
from freezer_api.compat.legacy.dump import STDIN, open_dump
from freezer_api.compat.legacy.findings import source_errors
from freezer_api.compat.legacy.sql import open_database
from freezer_api.compat.legacy.transfer import Count, OnConflict, Transfer, refusal
from freezer_api.conf import values
from freezer_api.documents.fields import is_id
from freezer_api.documents.kind import Kind
from freezer_api.documents.registry import KINDS
from freezer_api.errors import CommandError, ConfigurationError
from freezer_api.stores import Store

KIND_NAMES = ("actions", "clients", "jobs", "sessions", "backups")
"""The kinds in the order of the import: documents are imported before those that refer to them."""

CONFIGURED = "database"
"""The argument that stands for the URL in ``[database] connection``."""

_CHOICES = [choice.value for choice in OnConflict]

ARGUMENTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "from-sql",
        metavar="URL",
        help="With import: the original's database, as in its [database] connection; the word "
        f"'{CONFIGURED}' means the connection that is configured here.",
    ),
    cfg.StrOpt(
        "from-dump",
        metavar="FILE",
        help="With import: hits of the original's Elasticsearch as JSON, one per line, or responses of searches; "
        f"'{STDIN}' means stdin.",
    ),
    cfg.StrOpt(
        "from-export",
        metavar="FILE",
        help=f"With import: a file that 'freezer-manage export' wrote; '{archives.STDIO}' means stdin.",
    ),
    cfg.BoolOpt("dry-run", default=False, help="With import: print what would be imported and change nothing."),
    cfg.MultiStrOpt(
        "kind", default=[], help="With import and export: only this kind of document; may be repeated."
    ),
    cfg.StrOpt(
        "project-map",
        metavar="FILE",
        help="With import: lines 'user_id: project_id', the projects of users whose documents have none.",
    ),
    cfg.StrOpt(
        "on-conflict",
        default=OnConflict.SKIP.value,
        help=f"With import: {', '.join(_CHOICES)}; what to do if the store has another document with the same id.",
    ),
]


_OF_THE_ORIGINAL = ("project_map", "on_conflict")
"""Arguments that are not valid with ``--from-export``."""


def check_usage(conf: cfg.ConfigOpts) -> None:
    """Raise ``UsageError`` for invalid arguments, and for those of another command."""
    for name in conf.kind:
        if name not in KIND_NAMES:
            raise UsageError(f"--kind {name} is unknown; choose from {', '.join(KIND_NAMES)}")
    if conf.category == "import":
        _check_import(conf)
        return
    for option in ARGUMENTS:
        is_valid = option.dest == "kind" and conf.category == "export"
        if conf[option.dest] != option.default and not is_valid:
            commands = "import and export" if option.dest == "kind" else "import"
            raise UsageError(f"--{option.name} is only valid with {commands}")
    if conf.category == "export" and conf.test_only:
        raise UsageError("--test-only is not valid with export")


def _check_import(conf: cfg.ConfigOpts) -> None:
    if [bool(conf.from_sql), bool(conf.from_dump), bool(conf.from_export)].count(True) != 1:
        raise UsageError("import needs one of --from-sql, --from-dump and --from-export")
    if conf.on_conflict not in _CHOICES:
        raise UsageError(f"--on-conflict {conf.on_conflict} is unknown; choose from {', '.join(_CHOICES)}")
    for option in ARGUMENTS:
        if conf.from_export and option.dest in _OF_THE_ORIGINAL and conf[option.dest] != option.default:
            raise UsageError(f"--{option.name} is not valid with --from-export")


def run(conf: cfg.ConfigOpts, store: Store) -> int:
    """Import all documents and print the counts. Return 1 if any was refused."""
    is_trial = bool(conf.dry_run or conf.test_only)
    if conf.from_export:
        return archives.restore(store, kinds(conf), conf.from_export, is_trial=is_trial)
    progress = Progress()
    projects = _read_projects(conf.project_map) if conf.project_map else {}
    url = values.read_connection(conf) if conf.from_sql == CONFIGURED else conf.from_sql
    if not url and not conf.from_dump:
        raise ConfigurationError(f"--from-sql {CONFIGURED}: [database] connection is not set")
    with (
        archives.open_repository(store) as repository,
        open_database(url, any_revision=conf.yes) if url else open_dump(conf.from_dump) as source,
    ):
        for stray in source.strays:
            progress.print_error(refusal(stray))
        transfer = Transfer(
            source,
            repository,
            projects=projects,
            on_conflict=OnConflict(conf.on_conflict),
            is_trial=is_trial,
            report=progress.print_error,
            limits=values.read_limits(conf),
        )
        remark = " (dry run: nothing was changed)" if is_trial else ""
        counts = [_import(transfer, kind, remark, progress) for kind in kinds(conf)]
    oversized = sum(count.oversized for count in counts)
    if oversized:
        progress.print_error(f"Documents above a limit of [api]: {oversized}. Changes may not make them larger")
    without_project = sum(count.without_project for count in counts)
    if without_project:
        progress.print_error(
            f"Documents without a project: {without_project}. Version 2 does not show them, see --project-map"
        )
    return 1 if source.strays or any(count.refused for count in counts) else 0


def kinds(conf: cfg.ConfigOpts) -> list[Kind]:
    """Return the kinds that the arguments select, in the order of the import."""
    chosen = conf.kind or ([conf.mapping] if conf.mapping else KIND_NAMES)
    by_name = {kind.name: kind for kind in KINDS}
    return [by_name[name] for name in KIND_NAMES if name in chosen]


def _import(transfer: Transfer, kind: Kind, remark: str, progress: Progress) -> Count:
    with progress.task(f"Importing {kind.name}") as advance:
        count = transfer.run(kind, advance)
    line = f"Imported {kind.name}: {count.new} new, {count.skipped} skipped, {count.refused} refused"
    replaced = f", {count.replaced} replaced" if count.replaced else ""
    print(line + replaced + remark, flush=True)
    return count


def _read_projects(name: str) -> dict[str, str]:
    """Return the project of each user in the file."""
    with source_errors(name):
        lines = Path(name).read_text("utf-8-sig").splitlines()
    projects: dict[str, str] = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        user_id, _, project_id = (part.strip() for part in line.rpartition(":"))
        if not user_id or not is_id(project_id):
            raise CommandError(f"{name}, line {number}: it is not 'user_id: project_id'")
        if projects.setdefault(user_id, project_id) != project_id:
            raise CommandError(f"{name}, line {number}: an earlier line has another project of the user")
    return projects
