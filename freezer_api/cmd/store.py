"""The store that every way of serving works on: the embedded one, until there are others to choose from."""

from typing import Any, cast

from oslo_config import cfg

from freezer_api.cmd import embedded
from freezer_api.repository.protocol import Repository
from freezer_api.repository.sql.sqlite import open_sqlite


def open_repository(conf: cfg.ConfigOpts) -> Repository:
    """The store of the configuration; ``StartFailed`` says what is in the way."""
    path = embedded.prepare(embedded.data_dir(conf.data_dir))
    return open_sqlite(path, connections=conf.threads)


class Deferred:
    """A repository for an application that is made before the processes that serve it.

    Each of them opens it for itself, as connections do not survive a fork.
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._conf = conf
        self._opened: Repository | None = None

    def as_repository(self) -> Repository:
        """The same, as the application sees it."""
        return cast("Repository", self)

    def open(self) -> None:
        """Open it in this process."""
        self._opened = open_repository(self._conf)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened, name)
