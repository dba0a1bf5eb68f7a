# SPDX-License-Identifier: Apache-2.0
"""Find the configuration files, and the files that the configuration names."""

import os
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from oslo_config import cfg

_INSTALLED = Path("etc/freezer")
"""The directory of the package's files, relative to the prefix of the installation."""


def config_files() -> list[str]:
    """Return the configuration files that are read if none is named: for each name the first that exists."""
    # An option in the second file overrides the same option in the first.
    files: list[str] = cfg.find_config_files("freezer", "freezer-api")
    return files


def config_dirs() -> list[str]:
    """Return the directories whose ``*.conf`` are read if none is named: for each name the first that exists."""
    # The original reads the first of those for freezer-api.
    found = [*cfg.find_config_dirs("freezer-api", "freezer-api"), *cfg.find_config_dirs("freezer", "freezer-api")]
    by_name = {Path(path).name: path for path in reversed(found)}
    return [by_name[name] for name in ("freezer.conf.d", "freezer-api.conf.d") if name in by_name]


def find(conf: cfg.ConfigOpts, name: str) -> Path | None:
    """Return the file or directory of this name, None if it does not exist.

    A relative name is looked for in the directories of the configuration, the last read first, then in those of
    the user and the system, and at the end in the directory of the package's files.
    """
    usual: str | None = conf.find_file(name)
    if usual is not None:
        return Path(usual)
    # ``Path.home`` raises an error without a home directory, ``Path.exists`` for a directory that may not be read.
    others = (Path(os.path.expanduser("~/.freezer-api")), Path("/etc/freezer-api"), *_installed())
    return next((path for directory in others if os.path.exists(path := directory / name)), None)


@cache
def _installed() -> list[Path]:
    """Return possible directories of the package's files: of an environment, of pip, of a source tree."""
    recorded = metadata.distribution("freezer-api").files or []
    laid = {Path(str(file.locate())).resolve().parent for file in recorded if file.parent.match(str(_INSTALLED))}
    return [Path(sys.prefix) / _INSTALLED, *sorted(laid), Path(__file__).parents[2] / _INSTALLED]
