"""Where the configuration is looked for, and the files that it names."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

from oslo_config import cfg

NAMES = ("freezer.conf", "freezer-api.conf")
"""Of two files the second wins."""

_INSTALLED = Path("etc/freezer")
"""Where the package lays its files, below a directory that the installer chooses."""


def config_files() -> list[str]:
    """The configuration files that are read when none is named: of each name the first that there is."""
    directories = (_home(".freezer"), _home(), Path("/etc/freezer"), Path("/etc"), *_snap())
    return _first(directories, NAMES)


def config_dirs() -> list[str]:
    """The directories whose ``*.conf`` are read when none is named: of each name the first that there is."""
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
    """The file or directory of this name.

    An absolute name is taken as it is. Others are looked for in the directories of the configuration, the last
    read first, then in those of the user and the system, and at the end where the package installed its own.
    """
    usual: str | None = conf.find_file(name)
    if usual is not None:
        return Path(usual)
    others = (_home(".freezer-api"), Path("/etc/freezer-api"), *_installed())
    return _found(others, name)


@cache
def _installed() -> list[Path]:
    """Those of an environment, of what pip recorded (``--user``, ``/usr/local``), and of a source tree."""
    recorded = metadata.distribution("freezer-api").files or []
    laid = {Path(str(file.locate())).resolve().parent for file in recorded if file.parent.match(str(_INSTALLED))}
    return [Path(sys.prefix) / _INSTALLED, *sorted(laid), Path(__file__).parents[2] / _INSTALLED]


def _first(directories: Sequence[Path], names: Iterable[str]) -> list[str]:
    found = (_found(directories, name) for name in names)
    return [str(path) for path in found if path is not None]


def _found(directories: Sequence[Path], name: str) -> Path | None:
    # Unlike a path's own method it takes what may not be looked at for not there.
    return next((path for directory in directories if os.path.exists(path := directory / name)), None)


def _home(*names: str) -> Path:
    # Unlike a path's own method it needs no home.
    return Path(os.path.expanduser("~"), *names)


def _snap() -> Iterator[Path]:
    """Where a snap package has its configuration."""
    for variable in ("SNAP_COMMON", "SNAP"):
        if os.environ.get(variable):
            yield Path(os.environ[variable]) / "etc/freezer"
