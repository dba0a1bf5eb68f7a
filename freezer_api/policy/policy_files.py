# SPDX-License-Identifier: Apache-2.0
"""Find the operator's policy files, and parse their rules with oslo.policy.

The files are read as YAML, which includes JSON, and the JSON of old files with a comma before the end.
ADR 0033 explains why ``Enforcer.load_rules`` does not read them.
"""

import logging
import re
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

from oslo_config import cfg
from oslo_policy import policy

from freezer_api.conf import reading, search_path
from freezer_api.errors import ConfigurationError

LOG = logging.getLogger(__name__)

DEFAULT_NAME = "policy.yaml"
OLD_NAME = "policy.json"

Checks = Mapping[str, Any]
"""Checks of oslo.policy by the names of their rules."""

# oslo.policy logs a traceback for a rule that it cannot parse; here that is one line with file and rule.
logging.getLogger("oslo_policy._parser").addFilter(lambda _record: False)


class Files(NamedTuple):
    """The policy files in the order in which they are read, and a warning about the choice.

    ``stamps`` are the time of modification and the size of each file; they differ if a file has changed.
    """

    paths: tuple[Path, ...] = ()
    stamps: tuple[tuple[int, int], ...] = ()
    warning: str | None = None


def found(conf: cfg.ConfigOpts) -> Files:
    """Return the files that ``[oslo_policy]`` names and that exist."""
    path, warning = _main_file(conf, conf.oslo_policy.policy_file)
    paths = [path] if path else []
    for name in conf.oslo_policy.policy_dirs:
        if directory := search_path.find(conf, name):
            try:
                paths += sorted(file for file in directory.iterdir() if file.is_file() and file.name[0] != ".")
            except OSError as error:
                raise ConfigurationError(
                    f"the policy directory {directory} cannot be used: {error.strerror}"
                ) from None
    return Files(tuple(paths), tuple(map(_stamp, paths)), warning)


def _main_file(conf: cfg.ConfigOpts, option: str) -> tuple[Path | None, str | None]:
    # An empty value means that the option is not set.
    name = option or DEFAULT_NAME
    path = search_path.find(conf, name)
    if path is not None:
        return path, None
    if option and reading.is_set(conf, "policy_file", "oslo_policy"):
        return None, f"The policy file {name} does not exist: the default rules apply"
    old = search_path.find(conf, OLD_NAME)
    if old is None:
        return None, None
    return old, f"The policy file {name} does not exist, {old} is read: convert it to YAML and rename it"


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        # Ignore the error here, because reading the file reports it.
        return 0, -1
    return status.st_mtime_ns, status.st_size


def read(files: Files, defaults: Checks) -> Checks:
    """Return the checks of the files; a later file overrides an earlier one.

    Raises ``ConfigurationError`` that names the file and the rule or line, or the rules of a cycle.
    """
    if files.warning:
        LOG.warning(files.warning)
    checks = {name: _check(path, name, rule) for path in files.paths for name, rule in _rules(path).items()}
    references = {name: _references(check) for name, check in {**defaults, **checks}.items()}
    try:
        TopologicalSorter(references).prepare()
    except CycleError as error:
        cycle = " -> ".join(reversed(error.args[1]))
        raise ConfigurationError(f"the policy rules refer to each other in a cycle: {cycle}") from None
    return checks


def _references(check: Any) -> list[str]:
    """Return the names of rules in the text form of a check, such as ``(role:a and not rule:b)``."""
    return re.findall(r"(?<![^\s(])rule:([^\s()]+)", str(check))


def _rules(path: Path) -> dict[str, Any]:
    try:
        rules: Any = policy.parse_file_contents(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _error(path, str(error.strerror)) from None
    except ValueError as error:
        raise _error(path, " ".join(str(error).split())) from None
    if not isinstance(rules, dict):
        raise _error(path, "it is not a mapping of rule names to rules")
    return rules


def _check(path: Path, name: Any, rule: Any) -> Any:
    if not isinstance(name, str):
        raise _error(path, f"{name} is not a valid rule name")
    # Lists are the syntax of the first releases. oslo.policy takes null for a rule that allows everything.
    if not isinstance(rule, (str, list)):
        raise _error(path, f"the rule {name} is {'null' if rule is None else 'not a string'}")
    try:
        check = policy.RuleDefault(name, rule).check  # type: ignore[arg-type]
    except (TypeError, AttributeError):
        # oslo.policy raises TypeError for a list whose items are not strings.
        raise _error(path, f"the rule {name} cannot be parsed") from None
    # oslo.policy replaces what it cannot parse, a part or the whole, by "!", which denies everything.
    text, parsed = str(rule), str(check)
    if text.count("!") != parsed.count("!") or (parsed == "!" and text.strip("()[]'\" \t\n") != "!"):
        raise _error(path, f"the rule {name} cannot be parsed: {rule}")
    return check


def _error(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(f"the policy file {path} cannot be used: {reason}")


def written_as_json(files: Files) -> list[Path]:
    """Return the files that hold rules as JSON, valid or not."""
    beginning = re.compile(r"[\ufeff\s]*\{")
    return [path for path in files.paths if _rules(path) and beginning.match(path.read_text(encoding="utf-8"))]
