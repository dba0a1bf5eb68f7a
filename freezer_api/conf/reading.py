"""Reading a configuration: the files, what each option is set to, and where that was written.

Whatever is wrong is told in one line that names the group, the option and the file.
"""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from oslo_config import cfg

from freezer_api.errors import ConfigurationError

_SET = (cfg.Locations.user, cfg.Locations.command_line, cfg.Locations.environment, cfg.Locations.set_override)


def is_set(conf: cfg.ConfigOpts, name: str, group: str | None = None) -> bool:
    """Whether somebody gave the option a value."""
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
    check(probe, "DEFAULT")
    _read(conf, arguments, default_config_files=files, default_config_dirs=directories, **about)


def _named(arguments: Sequence[str]) -> argparse.Namespace:
    """The files and directories on the command line; none where it is none, of which its own parser will tell."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config-file", action="append")
    parser.add_argument("--config-dir", action="append")
    try:
        return parser.parse_known_args(arguments)[0]
    except argparse.ArgumentError:
        return argparse.Namespace(config_file=None, config_dir=None)


def _read(conf: cfg.ConfigOpts, arguments: Sequence[str], **about: Any) -> None:
    for directory in about["default_config_dirs"]:
        _refuse_closed(directory)
    for path in (*about["default_config_files"], *_inside(about["default_config_dirs"])):
        _refuse_binary(Path(path))
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


def check(conf: cfg.ConfigOpts, *groups: str) -> None:
    """``ConfigurationError`` names an option with a value that it cannot have: of these groups, or of all."""
    for group in groups or ("DEFAULT", *(name for name in conf if _is_group(conf, name))):
        where = conf if group == "DEFAULT" else conf[group]
        for name in where:
            try:
                where[name]
            except (cfg.ConfigSourceValueError, cfg.TemplateSubstitutionError, cfg.NoSuchOptError) as error:
                raise wrong(conf, group, name, _reason(error)) from None


def _is_group(conf: cfg.ConfigOpts, name: str) -> bool:
    try:
        return isinstance(conf[name], cfg.ConfigOpts.GroupAttr)
    except cfg.Error:
        return False


def _reason(error: cfg.Error) -> str:
    if isinstance(error.__context__, ValueError):
        return " ".join(str(error.__context__).split())
    return "what it refers to with $ cannot be found; $$ stands for one $"


def wrong(conf: cfg.ConfigOpts, group: str, name: str, reason: str) -> ConfigurationError:
    """The error that says so: ``[group] name in FILE: reason``."""
    return ConfigurationError(f"{place(conf, group, name)}: {reason}")


def place(conf: cfg.ConfigOpts, group: str, name: str) -> str:
    """``[group] name in FILE``: the file with the last word on the option, and group and name in it, which may be
    those that the option once had. What no file sets has its name alone.

    The library knows no more than the last file in which there is the group.
    """
    for path in reversed(list(files_read(conf))):
        found = sections(path)
        for there, once in _names(conf, group, name):
            if once in found.get(_as_read(there), {}):
                return f"[{there}] {once} in {path}"
    return f"[{group}] {name}"


def _as_read(group: str) -> str:
    return group if group == "DEFAULT" else group.lower()


def _names(conf: cfg.ConfigOpts, group: str, name: str) -> Iterator[tuple[str, str]]:
    """The group and the name of the option, and those that it once had."""
    yield group, name
    # The library has no other way to an option.
    option = conf._get_opt_info(name, None if group == "DEFAULT" else group)["opt"]  # noqa: SLF001
    for old in option.deprecated_opts:
        yield old.group or group, (old.name or name).replace("-", "_")


def files_read(conf: cfg.ConfigOpts) -> Iterator[Path]:
    """The configuration files, in the order in which they are read."""
    yield from (Path(name).absolute() for name in conf.config_file)
    yield from _inside(conf.config_dirs or conf.config_dir)


def _inside(directories: Sequence[str]) -> Iterator[Path]:
    for directory in directories:
        yield from sorted(Path(directory).absolute().glob("*.conf"))


def _refuse_closed(directory: str) -> None:
    """The library takes a directory that may not be read for an empty one."""
    try:
        os.listdir(directory)
    except FileNotFoundError:
        # Of that one it tells.
        return
    except OSError as error:
        raise ConfigurationError(
            f"the configuration directory {directory} cannot be read: {error.strerror}"
        ) from None


def _refuse_binary(path: Path) -> None:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError(f"the configuration file {path} is not written in UTF-8") from None
    except OSError:
        # The library tells of those.
        return


def sections(path: Path) -> Mapping[str, Mapping[str, list[str]]]:
    """The values of each option that a configuration file sets, by the names of its group and itself.

    Groups have small letters, as the library reads them; ``DEFAULT`` has large ones.
    """
    written: dict[str, dict[str, list[str]]] = {}
    cfg.ConfigParser(str(path), written).parse()
    found: dict[str, dict[str, list[str]]] = {}
    for group, options in written.items():
        found.setdefault(_as_read(group), {}).update(options)
    return found
