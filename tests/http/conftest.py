"""The wired service over the embedded store, called in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api import app, config
from freezer_api.api.middleware import WSGIApp
from freezer_api.cmd import embedded
from freezer_api.repository.sql.sqlite import open_sqlite


@pytest.fixture
def conf() -> cfg.ConfigOpts:
    """A configuration with nothing set and no file read."""
    conf = cfg.ConfigOpts()
    config.register(conf)
    conf([], project="freezer", default_config_files=[], default_config_dirs=[])
    return conf


@pytest.fixture
def service(conf: cfg.ConfigOpts, tmp_path: Path) -> Iterator[WSGIApp]:
    """The service as `make run` serves it, on an empty store."""
    repository = open_sqlite(embedded.prepare(tmp_path))
    yield app.build_standalone(conf, repository)
    repository.close()
