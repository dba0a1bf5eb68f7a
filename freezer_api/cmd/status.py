"""``freezer-status``, formerly ``freezer-manager-status``: whether an upgrade, or a start, will go well.

Nothing is changed, and no service needs to run.
"""

import logging
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import wraps
from typing import Any

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck
from oslo_upgradecheck.upgradecheck import Code, Result

from freezer_api import app, bootstrap, pipeline, stores
from freezer_api.cmd import signals
from freezer_api.cmd.output import printed
from freezer_api.conf import obsolete, opts, reading, unknown, values
from freezer_api.documents.registry import KINDS
from freezer_api.errors import FreezerError, Unavailable
from freezer_api.operations import oversized, projects
from freezer_api.operations.scoped import shown_id
from freezer_api.policy import policy_files
from freezer_api.policy.enforcer import Enforcement
from freezer_api.repository.admin import StoreAdmin
from freezer_api.repository.protocol import Repository
from freezer_api.repository.sql.servers import ConnectRetries

PROGRAM = "freezer-status"

_ABOUT = (
    "Looks at the configuration, the policy, the paste file and the store before a release is started. "
    "Exit codes: 0 all is well, 1 something deserves a look, 2 something will fail, 255 the check itself failed."
)

_GOOD = Result(Code.SUCCESS)

_SCAN_TIMEOUT = 10
"""Seconds in which a check reads documents."""

_MAX_LINES = 20
"""Users, and projects of each, that a result names."""

_STATEMENT_FACTOR = 5
"""Bytes of a request to the store for each byte of a document: the document, its index and what is escaped."""

Check = Callable[["Checks"], Result]
Scan = Callable[["Checks", Repository, Callable[[], bool]], Result]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    conf = cfg.CONF
    checks = Checks(conf)
    conf.register_cli_opt(cfg.SubCommandOpt("command", title="commands", handler=checks.add_parsers))
    # What is to be said is in the results; and a log file may be no file of who looks.
    logging.disable()
    # `upgrade check | head` is no failure.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signals.raise_on_signals()
    try:
        opts.register(conf)
        bootstrap.read(conf, sys.argv[1:] if argv is None else argv, PROGRAM, _ABOUT)
        upgradecheck.CONF = conf
        with printed():
            return int(upgradecheck.run(conf))
    except FreezerError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 255
    except signals.Stopped as stop:
        print(f"{PROGRAM}: {stop}", file=sys.stderr)
        return int(str(stop.code))


def _report_errors(look: Check) -> Check:
    """Let the check return an error as its result."""

    @wraps(look)
    def looked(checks: "Checks") -> Result:
        try:
            return look(checks)
        except FreezerError as error:
            return Result(Code.FAILURE, str(error))

    return looked


def _scan_store(scan: Scan) -> Check:
    """Give the check the repository and a function that returns whether its time is over."""

    @_report_errors
    def looked(checks: "Checks") -> Result:
        if checks.admin is None:
            return _not_looked_at()
        end = time.monotonic() + _SCAN_TIMEOUT
        try:
            if checks.admin.show() is None:
                return _GOOD
            with closing(stores.find_store(checks.conf).open(1)) as repository:
                return scan(checks, repository, lambda: time.monotonic() > end)
        except FreezerError:
            return Result(Code.WARNING, "Not looked at, as the store cannot be searched")

    return looked


class Checks(upgradecheck.UpgradeCommands):
    """The checks, in their order."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self.conf = conf
        self.admin: StoreAdmin | None = None
        self._is_embedded = False

    def add_parsers(self, subparsers: Any) -> None:
        """The words of the command line."""
        upgrade = subparsers.add_parser("upgrade", help="what an upgrade meets", description=_ABOUT)
        upgrade.add_argument("check", choices=["check"], help="look at everything and print the results")
        upgrade.add_argument("--json", action="store_true", help="print the results as JSON, not as a table")
        upgrade.set_defaults(action_fn=self.check)

    def check(self) -> Code:
        """Print the results; the worst of them."""
        pipeline.register(self.conf)
        try:
            return super().check()
        finally:
            if self.admin is not None:
                self.admin.close()

    @_report_errors
    def _values(self) -> Result:
        reading.check_values(self.conf)
        return _GOOD

    @_report_errors
    def _obsolete(self) -> Result:
        return _warning(obsolete.find_obsolete(self.conf))

    @_report_errors
    def _unknown(self) -> Result:
        return _warning(unknown.find_unknown(self.conf))

    @_report_errors
    def _policy_json(self) -> Result:
        found = policy_files.written_as_json(policy_files.found(self.conf))
        if not found:
            return _GOOD
        names = ", ".join(map(str, found))
        has_commas = any(map(policy_files.has_trailing_comma, found))
        return Result(
            Code.FAILURE,
            f"{names}: written as JSON, which oslo.policy no longer wants. oslopolicy-convert-json-to-yaml makes "
            f"YAML of it{', once there is no comma before a closing bracket' if has_commas else ''}",
        )

    @_report_errors
    def _policy(self) -> Result:
        Enforcement(self.conf)
        warning = policy_files.found(self.conf).warning
        return Result(Code.WARNING, warning) if warning else _GOOD

    @_report_errors
    def _paste(self) -> Result:
        repository = stores.find_store(self.conf).open(1)
        try:
            built = app.build(self.conf, repository)
        finally:
            repository.close()
        lines = []
        if built.loopback_only:
            lines.append("There is no authtoken in the pipeline, so only this machine is answered")
        if built.audit_is_logged:
            lines.append(
                "The audit filter sends no events, as oslo.messaging (the extra [audit]) is not installed"
            )
        return _warning(lines)

    @_report_errors
    def _store(self) -> Result:
        store = stores.find_store(self.conf)
        if isinstance(store, stores.SQLServerStore):
            # Who looks wants to know how it is now.
            store = replace(store, options=replace(store.options, waiting=ConnectRetries(limit=0)))
        self.admin = store.admin()
        self._is_embedded = isinstance(store, stores.SQLiteStore) and store.embedded
        if self._is_embedded:
            return Result(Code.WARNING, f"The configuration names no store: the embedded one at {store} is used")
        return _GOOD

    @_report_errors
    def _layout(self) -> Result:
        if self.admin is None:
            return _not_looked_at()
        lines = self.admin.pending([kind.name for kind in KINDS])
        if self._is_embedded:
            # The service does itself what is to be done.
            return _GOOD
        return Result(Code.FAILURE, "; ".join([*lines, "run 'freezer-manage db sync'"])) if lines else _GOOD

    @_report_errors
    def _foreign(self) -> Result:
        if self.admin is None:
            return _not_looked_at()
        found = self.admin.foreign([kind.name for kind in KINDS])
        if not any(one.breaks for one in found):
            return _warning(one.text for one in found)
        return Result(Code.FAILURE, "; ".join(one.text for one in found))

    @_report_errors
    def _replicas(self) -> Result:
        if self.admin is None:
            return _not_looked_at()
        try:
            lines = self.admin.shortcomings()
        except Unavailable:
            return Result(Code.WARNING, "The store does not say how many data nodes it has")
        return _warning(lines)

    @_report_errors
    def _sizes(self) -> Result:
        if self.admin is None:
            return _not_looked_at()
        option = "max_document_size"
        wanted = _STATEMENT_FACTOR * int(self.conf.api[option])
        try:
            limits = self.admin.size_limits()
        except Unavailable:
            return Result(Code.WARNING, "The store does not say how many bytes it accepts in a request")
        return _warning(
            f"The store's {name} is {limit} bytes, less than {_STATEMENT_FACTOR} times [api] {option}: documents "
            f"may be refused with 413. Set it to {wanted} or more"
            for name, limit in limits.items()
            if limit < wanted
        )

    @_scan_store
    def _projects(self, repository: Repository, is_over: Callable[[], bool]) -> Result:
        stranded = list(projects.find_stranded_users(repository, is_over))
        lines = [
            f"User {shown_id(user_id)} has clients of version 1 in project {_listed(of_clients)}, but jobs in "
            f"project {_listed(of_jobs)}: a scheduler now sees only the jobs of its token's project"
            for user_id, of_clients, of_jobs in stranded[:_MAX_LINES]
        ]
        if len(stranded) > _MAX_LINES:
            lines.append(f"{len(stranded) - _MAX_LINES} more users have them in different projects")
        if is_over():
            lines.append(f"Not all users were checked within {_SCAN_TIMEOUT} s")
        return _warning(lines)

    @_scan_store
    def _oversized(self, repository: Repository, is_over: Callable[[], bool]) -> Result:
        count, read = oversized.count_oversized(repository, values.read_limits(self.conf), is_over)
        among = f" among the {read} that were read within {_SCAN_TIMEOUT} s" if is_over() else ""
        told = f"Documents above a limit of [api]{among}: {count}"
        if count:
            return Result(Code.WARNING, f"{told}. They can be changed as long as they do not grow")
        return Result(Code.SUCCESS, told if among else None)

    _upgrade_checks = (
        ("Policy File JSON to YAML Migration", _policy_json),
        ("Policy Files", _policy),
        ("Option Values", _values),
        ("Obsolete Options", _obsolete),
        ("Unknown Options", _unknown),
        ("Paste File", _paste),
        ("Store", _store),
        ("Store Layout", _layout),
        ("Foreign Settings", _foreign),
        ("Replicas", _replicas),
        ("Size Limits", _sizes),
        ("Projects of Jobs and Clients", _projects),
        ("Documents Above Limits", _oversized),
    )


def _listed(ids: Sequence[str]) -> str:
    more = ["..."] if len(ids) > _MAX_LINES else []
    return ", ".join([*map(shown_id, ids[:_MAX_LINES]), *more])


def _warning(lines: Iterable[str]) -> Result:
    """One that tells of all of them; of none there is nothing to say."""
    told = "; ".join(lines)
    return Result(Code.WARNING, told) if told else _GOOD


def _not_looked_at() -> Result:
    return Result(Code.WARNING, "Not looked at, as the store cannot be reached")


if __name__ == "__main__":
    sys.exit(main())
