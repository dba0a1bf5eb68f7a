# SPDX-License-Identifier: Apache-2.0
"""Read the configuration files, check the values of options, and find the file that sets an option.

Every error is one line that names the group, the option and the file.
"""

import argparse
import fnmatch
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from oslo_config import cfg
from oslo_log import log

from freezer_api import __version__
from freezer_api.conf import catalog, opts, search_path
from freezer_api.errors import ConfigurationError

FILES = "OS_FREEZER_CONFIG_FILES"
"""The environment variable that names configuration files, for WSGI servers."""

_EPILOG = (
    "Without --config-file, freezer.conf and freezer-api.conf are read, each from the first of ~/.freezer, ~, "
    "/etc/freezer and /etc that has it. OS_FREEZER_CONFIG_FILES names others, with semicolons between them."
)

_FILE_ARGUMENTS = ("--config-file", "--config-dir")

_SET = (cfg.Locations.user, cfg.Locations.command_line, cfg.Locations.environment, cfg.Locations.set_override)


def is_set(conf: cfg.ConfigOpts, name: str, group: str | None = None) -> bool:
    """Return whether a file, the command line, the environment or an override sets the option."""
    location = conf.get_location(name, group)
    return location is not None and location.location in _SET


def read(conf: cfg.ConfigOpts, arguments: Sequence[str], program: str, about: str) -> None:
    """Read the command line, and the files that it names or else the usual ones. Register the options of the log.

    The options of the command must be registered before. Raises ``ConfigurationError`` if a file cannot be read or
    has an invalid value of an option that the command line may set; the library would end the process without
    naming the file.
    """
    files = [name for name in os.environ.get(FILES, "").split(";") if name] or search_path.config_files()
    directories = search_path.config_dirs()
    named = _named(arguments)
    sources = named.config_file or files, named.config_dir or directories
    for path in _paths(*sources):
        sections(path)
    probe = cfg.ConfigOpts()
    probe.register_opts([*opts.BIND, *opts.SERVER, *(option for _, option in catalog.options("oslo.log"))])
    probe([], default_config_files=sources[0], default_config_dirs=sources[1])
    check_values(probe, "DEFAULT")
    log.register_options(conf)
    conf(
        [*_literal(arguments)],
        project="freezer",
        prog=program,
        version=__version__,
        description=about,
        epilog=_EPILOG,
        default_config_files=files,
        default_config_dirs=directories,
    )


def _literal(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the arguments with ``$`` escaped, which the library would substitute except in names of files."""
    before = ""
    for argument in arguments:
        is_file = argument.startswith(_FILE_ARGUMENTS) or before in _FILE_ARGUMENTS
        yield argument if is_file else argument.replace("$", "$$")
        before = argument


def _named(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the files and directories in the command line; none if the parser of the command will refuse it."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--config-file", action="append")
    parser.add_argument("--config-dir", action="append")
    try:
        return parser.parse_known_args(arguments)[0]
    except argparse.ArgumentError:
        return argparse.Namespace(config_file=None, config_dir=None)


def check_values(conf: cfg.ConfigOpts, *groups: str) -> None:
    """Check the values of all options of these groups, or of all groups. Raises ``ConfigurationError``."""
    for group in groups or ("DEFAULT",):
        where = conf if group == "DEFAULT" else conf[group]
        for name in where:
            try:
                value = where[name]
            except (cfg.ConfigSourceValueError, cfg.TemplateSubstitutionError, cfg.NoSuchOptError) as error:
                raise option_error(conf, group, name, _reason(error)) from None
            if not groups and isinstance(value, cfg.ConfigOpts.GroupAttr):
                check_values(conf, name)


def _reason(error: cfg.Error) -> str:
    if isinstance(error.__context__, ValueError):
        return " ".join(str(error.__context__).split())
    return "the option after $ does not exist; write $$ for a literal $"


def option_error(conf: cfg.ConfigOpts, group: str, name: str, reason: str) -> ConfigurationError:
    """Return the error with the message ``[group] name in FILE: reason``."""
    return ConfigurationError(f"{locate(conf, group, name)}: {reason}")


def locate(conf: cfg.ConfigOpts, group: str, name: str) -> str:
    """Return ``[group] name in FILE``: the last file that sets the option, with the group and name used there.

    The group and name may be old ones. If no file sets the option, return ``[group] name``.
    ``ConfigOpts.get_location`` only returns the last file that has the group.
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
    return _paths(conf.config_file, conf.config_dirs or conf.config_dir)


def _paths(files: Sequence[str], directories: Sequence[str]) -> Iterator[Path]:
    yield from (Path(name).expanduser().absolute() for name in files)
    for directory in (Path(name).expanduser().absolute() for name in directories):
        try:
            names = os.listdir(directory)
        except OSError as error:
            # oslo.config treats a directory that cannot be read as an empty one.
            raise ConfigurationError(
                f"the configuration directory {directory} cannot be read: {error.strerror}"
            ) from None
        yield from (directory / name for name in sorted(fnmatch.filter(names, "[!.]*.conf")))


def sections(path: Path) -> Mapping[str, Mapping[str, list[str]]]:
    """Return the values that a configuration file sets, by group and option. Raises ``ConfigurationError``.

    oslo.config converts the names of all groups but ``DEFAULT`` to lower case.
    """
    written: dict[str, dict[str, list[str]]] = {}
    try:
        cfg.ConfigParser(str(path), written).parse()
    except OSError as error:
        raise ConfigurationError(f"the configuration file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the configuration file {path} is not written in UTF-8") from None
    except cfg.ParseError as error:
        # The message leaves out the text of the line, which may contain a password.
        reason = f"line {error.lineno}: {error.msg}"
        raise ConfigurationError(f"the configuration file {path} cannot be used: {reason}") from None
    found: dict[str, dict[str, list[str]]] = {}
    for group, options in written.items():
        found.setdefault(_as_read(group), {}).update(options)
    return found
