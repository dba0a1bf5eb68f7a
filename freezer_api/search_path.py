"""Where the files that a configuration names are looked for."""

import sys
from pathlib import Path

from oslo_config import cfg


def find(conf: cfg.ConfigOpts, name: str) -> Path | None:
    """The file or directory of this name.

    An absolute name is taken as it is. Others are looked for in the directories of the configuration, the last
    read first, then in those of the user and the system, and at the end where the package installed its own.
    """
    usual: str | None = conf.find_file(name)
    if usual is not None:
        return Path(usual)
    others = (Path.home() / ".freezer-api", Path("/etc/freezer-api"), Path(sys.prefix) / "etc/freezer")
    return next((found for directory in others if (found := directory / name).exists()), None)
