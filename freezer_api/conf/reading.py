"""Read the configuration files, check the values of options, and find the file that sets an option.

Every error is one line that names the group, the option and the file.
"""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg

from freezer_api.conf import catalog
from freezer_api.errors import ConfigurationError

_SET = (cfg.Locations.user, cfg.Locations.command_line, cfg.Locations.environment, cfg.Locations.set_override)


def is_set(conf: cfg.ConfigOpts, name: str, group: str | None = None) -> bool:
    """Return whether a file, the command line, the environment or an override sets the option."""
    location = conf.get_location(name, group)
    return location is not None and location.location in _SET


def read(
    conf: cfg.ConfigOpts,
    arguments: Sequence[str],
    common: Sequence[cfg.Opt],
    *,
    files: list[str],
    directories: list[str],
    **about: Any,
) -> None:
    """Read the command line and the files it names, or those given here where it names none.

    ``common`` are options that both may set. Raises ``ConfigurationError`` if a file cannot be read or a value of
    ``common`` is invalid; the library would end the process without naming the file.
    """
    named = _named(arguments)
    probe = cfg.ConfigOpts()
    probe.register_opts(common)
    _read(
        probe,
        [],
        default_config_files=named.config_file or files,
        default_config_dirs=named.config_dir or directories,
    )
    check_values(probe, "DEFAULT")
    _read(conf, arguments, default_config_files=files, default_config_dirs=directories, **about)


def _named(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the files and directories that the command line names; none if its own parser will refuse it."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config-file", action="append")
    parser.add_argument("--config-dir", action="append")
    try:
        return parser.parse_known_args(arguments)[0]
    except argparse.ArgumentError:
        return argparse.Namespace(config_file=None, config_dir=None)


def _read(conf: cfg.ConfigOpts, arguments: Sequence[str], **about: Any) -> None:
    for directory in about["default_config_dirs"]:
        _check_directory(directory)
    for path in (*about["default_config_files"], *_inside(about["default_config_dirs"])):
        _check_encoding(Path(path))
    try:
        conf(arguments, **about)
    except cfg.ConfigFilesNotFoundError as error:
        raise ConfigurationError(f"there is no configuration file {', '.join(error.config_files)}") from None
    except cfg.ConfigFilesPermissionDeniedError as error:
        raise ConfigurationError(
            f"the configuration file {', '.join(error.config_files)} may not be read"
        ) from None
    except cfg.ConfigDirNotFoundError as error:
        raise ConfigurationError(f"there is no configuration directory {error.config_dir}") from None
    except cfg.ConfigFileParseError as error:
        # The line that the parser shows may hold a password.
        line, _, reason = str(error.msg).removeprefix(f"at {error.config_file}:").partition(", ")
        reason = f"line {line}: {reason.partition(': ')[0]}"
        raise ConfigurationError(f"the configuration file {error.config_file} cannot be used: {reason}") from None
    except OSError as error:
        raise ConfigurationError(
            f"the configuration file {error.filename} cannot be read: {error.strerror}"
        ) from None


def check_values(conf: cfg.ConfigOpts, *groups: str) -> None:
    """Check the values of all options of these groups, or of all groups. Raises ``ConfigurationError``."""
    for group in groups or ("DEFAULT", *(name for name in conf if _is_group(conf, name))):
        where = conf if group == "DEFAULT" else conf[group]
        for name in where:
            try:
                where[name]
            except (cfg.ConfigSourceValueError, cfg.TemplateSubstitutionError, cfg.NoSuchOptError) as error:
                raise option_error(conf, group, name, _reason(error)) from None


def _is_group(conf: cfg.ConfigOpts, name: str) -> bool:
    try:
        return isinstance(conf[name], cfg.ConfigOpts.GroupAttr)
    except cfg.Error:
        return False


def _reason(error: cfg.Error) -> str:
    if isinstance(error.__context__, ValueError):
        return " ".join(str(error.__context__).split())
    return "what it refers to with $ cannot be found; $$ stands for one $"


def option_error(conf: cfg.ConfigOpts, group: str, name: str, reason: str) -> ConfigurationError:
    """Return the error with the message ``[group] name in FILE: reason``."""
    return ConfigurationError(f"{locate(conf, group, name)}: {reason}")


def locate(conf: cfg.ConfigOpts, group: str, name: str) -> str:
    """Return ``[group] name in FILE``: the last file that sets the option, and the names that it has there, which
    may be old ones. If no file sets it, return ``[group] name``.

    ``ConfigOpts.get_location`` knows only the last file in which the group is.
    """
    for path in reversed(list(files_read(conf))):
        found = sections(path)
        for there, once in catalog.find_names(group, name):
            if once in found.get(_as_read(there), {}):
                return f"[{there}] {once} in {path}"
    return f"[{group}] {name}"


def _as_read(group: str) -> str:
    return group if group == "DEFAULT" else group.lower()


def files_read(conf: cfg.ConfigOpts) -> Iterator[Path]:
    """Return the configuration files, in the order in which they are read."""
    yield from (Path(name).absolute() for name in conf.config_file)
    yield from _inside(conf.config_dirs or conf.config_dir)


def _inside(directories: Sequence[str]) -> Iterator[Path]:
    for directory in directories:
        yield from sorted(Path(directory).absolute().glob("*.conf"))


def _check_directory(directory: str) -> None:
    """Refuse a directory that cannot be read; the library takes it for an empty one."""
    try:
        os.listdir(directory)
    except FileNotFoundError:
        # The library reports that one.
        return
    except OSError as error:
        raise ConfigurationError(
            f"the configuration directory {directory} cannot be read: {error.strerror}"
        ) from None


def _check_encoding(path: Path) -> None:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(f"the configuration file {path} is not written in UTF-8") from None
    except OSError:
        # The library reports those.
        return


def sections(path: Path) -> Mapping[str, Mapping[str, list[str]]]:
    """Return the values that a configuration file sets, by group and option.

    The library lowers the letters of all groups but ``DEFAULT``.
    """
    written: dict[str, dict[str, list[str]]] = {}
    cfg.ConfigParser(str(path), written).parse()
    found: dict[str, dict[str, list[str]]] = {}
    for group, options in written.items():
        found.setdefault(_as_read(group), {}).update(options)
    return found
