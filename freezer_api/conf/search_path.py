# SPDX-License-Identifier: Apache-2.0
"""Find the configuration files, and the files that the configuration names."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

from oslo_config import cfg

NAMES = ("freezer.conf", "freezer-api.conf")
"""The names of the configuration files. An option in the second overrides the same option in the first."""

_INSTALLED = Path("etc/freezer")
"""The directory of the package's files, relative to the prefix of the installation."""


def config_files() -> list[str]:
    """Return the configuration files that are read if none is named: for each name the first that exists."""
    directories = (_home(".freezer"), _home(), Path("/etc/freezer"), Path("/etc"), *_snap())
    return _first(directories, NAMES)


def config_dirs() -> list[str]:
    """Return the directories whose ``*.conf`` are read if none is named: for each name the first that exists."""
    directories = (
        _home(".freezer"),
        _home(".freezer-api"),
        _home(),
        Path("/etc/freezer"),
        Path("/etc/freezer-api"),
        Path("/etc"),
        *_snap(),
    )
    return _first(directories, (f"{name}.d" for name in NAMES))


def find(conf: cfg.ConfigOpts, name: str) -> Path | None:
    """Return the file or directory of this name, None if it does not exist.

    A relative name is looked for in the directories of the configuration, the last read first, then in those of
    the user and the system, and at the end in the directory of the package's files.
    """
    usual: str | None = conf.find_file(name)
    if usual is not None:
        return Path(usual)
    others = (_home(".freezer-api"), Path("/etc/freezer-api"), *_installed())
    return _found(others, name)


@cache
def _installed() -> list[Path]:
    """Return possible directories of the package's files: of an environment, of pip, of a source tree."""
    recorded = metadata.distribution("freezer-api").files or []
    laid = {Path(str(file.locate())).resolve().parent for file in recorded if file.parent.match(str(_INSTALLED))}
    return [Path(sys.prefix) / _INSTALLED, *sorted(laid), Path(__file__).parents[2] / _INSTALLED]


def _first(directories: Sequence[Path], names: Iterable[str]) -> list[str]:
    found = (_found(directories, name) for name in names)
    return [str(path) for path in found if path is not None]


def _found(directories: Sequence[Path], name: str) -> Path | None:
    # ``Path.exists`` raises an error for a directory that may not be read.
    return next((path for directory in directories if os.path.exists(path := directory / name)), None)


def _home(*names: str) -> Path:
    # ``Path.home`` raises an error without a home directory.
    return Path(os.path.expanduser("~"), *names)


def _snap() -> Iterator[Path]:
    """Return the directories of the configuration in a snap package."""
    for variable in ("SNAP_COMMON", "SNAP"):
        if os.environ.get(variable):
            yield Path(os.environ[variable]) / "etc/freezer"
