"""The operator's policy files: which there are, and the checks that they hold.

All are read as YAML, of which JSON is a part, with the comma before the end that old files have.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from oslo_config import cfg
from oslo_policy import policy

from freezer_api.conf import reading, search_path
from freezer_api.errors import ConfigurationError

LOG = logging.getLogger(__name__)

DEFAULT_NAME = "policy.yaml"
OLD_NAME = "policy.json"

Checks = Mapping[str, Any]
"""Of oslo.policy, by the names of rules."""


class File(NamedTuple):
    """A file as it was at one moment."""

    path: Path
    changed: int
    size: int


class Files(NamedTuple):
    """In the order in which they are read, and what is odd about the choice."""

    files: tuple[File, ...]
    warning: str | None


def found(conf: cfg.ConfigOpts) -> Files:
    """The files that ``[oslo_policy]`` names and that are there."""
    group = conf.oslo_policy
    path, warning = _main_file(conf, group.policy_file)
    directories = (search_path.find(conf, name) for name in group.policy_dirs)
    paths = [path, *(inner for directory in directories if directory for inner in _inside(directory))]
    return Files(tuple(_stamped(path) for path in paths if path is not None), warning)


def _main_file(conf: cfg.ConfigOpts, named: str) -> tuple[Path | None, str | None]:
    # What is empty is not set.
    name = named or DEFAULT_NAME
    path = search_path.find(conf, name)
    if path is not None:
        return path, None
    if named and reading.is_set(conf, "policy_file", "oslo_policy"):
        return None, f"There is no policy file {name}, so the defaults count"
    old = search_path.find(conf, OLD_NAME)
    if old is None:
        return None, None
    return old, f"There is no policy file {name}, so {old} counts; convert it to YAML and rename it"


def _inside(directory: Path) -> list[Path]:
    try:
        return sorted(path for path in directory.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as error:
        raise ConfigurationError(f"the policy directory {directory} cannot be used: {error.strerror}") from None


def _stamped(path: Path) -> File:
    try:
        status = path.stat()
    except OSError:
        # Gone, or going to be named when it is read.
        return File(path, 0, -1)
    return File(path, status.st_mtime_ns, status.st_size)


def read(files: Files, defaults: Checks) -> Checks:
    """The checks of these files, the last word on a name being the one that counts.

    ``ConfigurationError`` names the file and the rule or line that cannot be used.
    """
    if files.warning:
        LOG.warning(files.warning)
    checks: dict[str, Any] = {}
    for file in files.files:
        for name, rule in _rules(file.path):
            checks[name] = _check(file.path, name, rule)
    _refuse_cycles({**defaults, **checks})
    return checks


def written_as_json(files: Files) -> list[Path]:
    """Those that hold rules as JSON does, whether or not a strict reader would take them for JSON."""
    return [file.path for file in files.files if dict(_rules(file.path)) and _text(file.path).startswith("{")]


def has_trailing_comma(path: Path) -> bool:
    """Return whether the file is JSON but for commas before closing brackets, which the converter refuses."""
    text = _text(path)
    return not _is_json(text) and _is_json(re.sub(r",(\s*[}\]])", r"\1", text))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").lstrip("\ufeff \t\r\n")


def _rules(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise _broken(path, " ".join(str(error).split())) from None
    except OSError as error:
        raise _broken(path, str(error.strerror)) from None
    if content is not None and not isinstance(content, dict):
        raise _broken(path, "it does not hold rules by their names")
    for name, rule in (content or {}).items():
        if not isinstance(name, str):
            raise _broken(path, f"{name} is no name of a rule")
        yield name, rule


def _check(path: Path, name: str, rule: Any) -> Any:
    # Lists are the language of the first releases.
    if not isinstance(rule, (str, list)):
        raise _broken(path, f"the rule {name} is {'null' if rule is None else 'no text'}")
    parser = logging.getLogger("oslo_policy._parser")
    # It writes a traceback for what becomes one line here.
    parser.addFilter(_nothing)
    try:
        check = policy.RuleDefault(name, rule).check  # type: ignore[arg-type]
        written, understood = _words(rule), _words(str(check))
    except (TypeError, AttributeError):
        # A list of the old form that holds no texts.
        raise _broken(path, f"the rule {name} cannot be understood") from None
    finally:
        parser.removeFilter(_nothing)
    # What it cannot understand it takes for "!", in parts or as a whole.
    if written.count("!") != understood.count("!") or (understood == ["!"] != written):
        raise _broken(path, f"the rule {name} cannot be understood: {rule}")
    return check


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def _words(rule: Any) -> list[str]:
    if isinstance(rule, list):
        return [word for part in rule for word in _words(part)]
    return [word for word in re.split(r"[\s()]+", rule) if word]


def _refuse_cycles(checks: Checks) -> None:
    for name in checks:
        _follow(checks, name, ())


def _follow(checks: Checks, name: str, way: tuple[str, ...]) -> None:
    if name in way:
        raise ConfigurationError(f"the policy rules refer to themselves: {' -> '.join((*way, name))}")
    for inner in _referred(checks[name]) if name in checks else ():
        _follow(checks, inner, (*way, name))


def _referred(check: Any) -> Iterator[str]:
    if isinstance(check, policy.RuleCheck):
        yield check.match
    for part in (*getattr(check, "rules", ()), *filter(None, (getattr(check, "rule", None),))):
        yield from _referred(part)


def _broken(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(f"the policy file {path} cannot be used: {reason}")
