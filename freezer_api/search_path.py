"""Where the files that a configuration names are looked for."""

import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from oslo_config import cfg

_INSTALLED = Path("etc/freezer")
"""Where the package lays its files, below a directory that the installer chooses."""


def find(conf: cfg.ConfigOpts, name: str) -> Path | None:
    """The file or directory of this name.

    An absolute name is taken as it is. Others are looked for in the directories of the configuration, the last
    read first, then in those of the user and the system, and at the end where the package installed its own.
    """
    usual: str | None = conf.find_file(name)
    if usual is not None:
        return Path(usual)
    others = (Path.home() / ".freezer-api", Path("/etc/freezer-api"), *_installed())
    return next((found for directory in others if (found := directory / name).exists()), None)


@cache
def _installed() -> list[Path]:
    """Those of an environment, of what pip recorded (``--user``, ``/usr/local``), and of a source tree."""
    recorded = metadata.distribution("freezer-api").files or []
    laid = {Path(str(file.locate())).resolve().parent for file in recorded if file.parent.match(str(_INSTALLED))}
    return [Path(sys.prefix) / _INSTALLED, *sorted(laid), Path(__file__).parents[1] / _INSTALLED]
