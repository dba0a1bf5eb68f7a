# SPDX-License-Identifier: Apache-2.0
"""``freezer-status``, formerly ``freezer-manager-status``: predict whether an upgrade or a start will succeed.

The command changes nothing and needs no running service.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from oslo_config import cfg
from oslo_upgradecheck import upgradecheck
from oslo_upgradecheck.upgradecheck import Code, Result

from freezer_api import app, pipeline, stores
from freezer_api.cmd import process
from freezer_api.conf import obsolete, opts, reading, unknown, values
from freezer_api.documents.registry import KINDS
from freezer_api.errors import CommandError, FreezerError, Unavailable
from freezer_api.operations import oversized, projects
from freezer_api.operations.scoped import shown_id
from freezer_api.policy import policy_files
from freezer_api.policy.enforcer import Enforcement
from freezer_api.repository.admin import StoreAdmin
from freezer_api.repository.protocol import Repository

PROGRAM = "freezer-status"

_ABOUT = (
    "Checks the configuration, the policy, the paste file and the store before a release is started. "
    "Exit codes: 0 no problems, 1 warnings, 2 at least one failure, 255 the check itself failed."
)

_GOOD = Result(Code.SUCCESS)

_SCAN_TIMEOUT = 10
"""Maximum seconds in which a check reads documents."""

_MAX_LINES = 20
"""Maximum number of users in a result, and of projects of each user."""

_STATEMENT_FACTOR = 5
"""Maximum bytes in a request to the store for each byte of a document: document, index, escaped characters."""

Check = Callable[["Checks"], Result]
Scan = Callable[["Checks", Repository, Callable[[], bool]], Result]


class _Unchecked(CommandError):
    """A check cannot run, because an earlier one failed."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Return the exit code."""
    conf = cfg.CONF
    checks = Checks(conf)
    conf.register_cli_opt(cfg.SubCommandOpt("command", title="commands", handler=checks.add_parsers))
    # The results contain every warning, and the user of the command may not be able to write the log file.
    logging.disable()
    opts.register(conf)

    def _run() -> int:
        reading.read(conf, sys.argv[1:] if argv is None else argv, PROGRAM, _ABOUT)
        upgradecheck.CONF = conf
        return int(upgradecheck.run(conf))

    return process.run(PROGRAM, _run, failure=255)


def _report_errors(check: Check) -> Check:
    """Return the check, modified to return a failure if it raises an error."""

    def report(checks: "Checks") -> Result:
        try:
            return check(checks)
        except FreezerError as error:
            return Result(Code.WARNING if isinstance(error, _Unchecked) else Code.FAILURE, str(error))

    return report


def _scan_store(scan: Scan) -> Check:
    """Call the check with the repository and a function that returns whether its time is over."""

    def check(checks: "Checks") -> Result:
        admin = checks.admin()
        end = time.monotonic() + _SCAN_TIMEOUT
        try:
            if admin.show() is None:
                return _GOOD
            with closing(stores.find_store(checks.conf).open(1)) as repository:
                return scan(checks, repository, lambda: time.monotonic() > end)
        except FreezerError:
            raise _Unchecked("Not checked: the store cannot be searched") from None

    return check


class Checks(upgradecheck.UpgradeCommands):
    """The checks, in the order in which they are run."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self.conf = conf
        self._admin: StoreAdmin | None = None
        self._is_embedded = False

    def add_parsers(self, subparsers: Any) -> None:
        """Add the subcommand to the command line."""
        upgrade = subparsers.add_parser("upgrade", help="check before an upgrade", description=_ABOUT)
        upgrade.add_argument("check", choices=["check"], help="run all checks and print the results")
        upgrade.add_argument("--json", action="store_true", help="print the results as JSON instead of a table")
        upgrade.set_defaults(action_fn=self.check)

    def check(self) -> Code:
        """Print the results. Return the worst of them."""
        pipeline.register(self.conf)
        try:
            return super().check()
        finally:
            if self._admin is not None:
                self._admin.close()

    def admin(self) -> StoreAdmin:
        """Return the administration of the store that the check ``_store`` has reached."""
        if self._admin is None:
            raise _Unchecked("Not checked: the store cannot be reached")
        return self._admin

    def _values(self) -> Result:
        reading.check_values(self.conf)
        return _GOOD

    def _policy_json(self) -> Result:
        found = policy_files.written_as_json(policy_files.found(self.conf))
        if not found:
            return _GOOD
        return Result(
            Code.FAILURE,
            f"{', '.join(map(str, found))}: JSON, which oslo.policy no longer supports. Remove commas before "
            "closing brackets, then convert the file with oslopolicy-convert-json-to-yaml",
        )

    def _policy(self) -> Result:
        Enforcement(self.conf)
        warning = policy_files.found(self.conf).warning
        return Result(Code.WARNING, warning) if warning else _GOOD

    def _paste(self) -> Result:
        with closing(stores.find_store(self.conf).open(1)) as repository:
            built = app.build(self.conf, repository)
        lines = []
        if built.loopback_only:
            lines.append("The pipeline has no authtoken filter: only loopback requests are served")
        if built.audit_is_logged:
            lines.append("The audit filter sends no events: oslo.messaging (the extra [audit]) is not installed")
        return _warning(lines)

    def _store(self) -> Result:
        store = stores.find_store(self.conf)
        if isinstance(store, stores.SQLServerStore):
            # Do not wait for a server that is down.
            store = replace(store, options=replace(store.options, max_retries=0))
        self._admin = store.admin()
        self._is_embedded = isinstance(store, stores.SQLiteStore) and store.embedded
        if self._is_embedded:
            return Result(Code.WARNING, f"No option selects a store: the embedded store at {store} is used")
        return _GOOD

    def _layout(self) -> Result:
        lines = self.admin().pending([kind.name for kind in KINDS])
        if self._is_embedded:
            # The service creates and upgrades the embedded store at its start.
            return _GOOD
        return Result(Code.FAILURE, "; ".join([*lines, "run 'freezer-manage db sync'"])) if lines else _GOOD

    def _foreign(self) -> Result:
        found = self.admin().foreign([kind.name for kind in KINDS])
        if not any(one.breaks for one in found):
            return _warning(one.text for one in found)
        return Result(Code.FAILURE, "; ".join(one.text for one in found))

    def _sizes(self) -> Result:
        option = "max_document_size"
        wanted = _STATEMENT_FACTOR * int(self.conf.api[option])
        try:
            limits = self.admin().size_limits()
        except Unavailable:
            return Result(Code.WARNING, "The store does not report the size of requests that it accepts")
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
        number = f"Documents above a limit of [api]{among}: {count}"
        if count:
            return Result(Code.WARNING, f"{number}. They can be changed as long as they do not grow")
        return Result(Code.SUCCESS, number if among else None)

    _upgrade_checks = tuple(
        (name, _report_errors(check))
        for name, check in (
            ("Policy File JSON to YAML Migration", _policy_json),
            ("Policy Files", _policy),
            ("Option Values", _values),
            ("Obsolete Options", lambda checks: _warning(obsolete.find_obsolete(checks.conf))),
            ("Unknown Options", lambda checks: _warning(unknown.find_unknown(checks.conf))),
            ("Paste File", _paste),
            ("Store", _store),
            ("Store Layout", _layout),
            ("Foreign Settings", _foreign),
            ("Size Limits", _sizes),
            ("Projects of Jobs and Clients", _projects),
            ("Documents Above Limits", _oversized),
        )
    )


def _listed(ids: Sequence[str]) -> str:
    more = ["..."] if len(ids) > _MAX_LINES else []
    return ", ".join([*map(shown_id, ids[:_MAX_LINES]), *more])


def _warning(lines: Iterable[str]) -> Result:
    """Return a warning with all lines; success if there are none."""
    text = "; ".join(lines)
    return Result(Code.WARNING, text) if text else _GOOD


if __name__ == "__main__":
    sys.exit(main())
