# SPDX-License-Identifier: Apache-2.0
"""Fixtures: the complete service, called in this process, on the embedded store or on a server."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from wsgiref.types import WSGIApplication

import pytest
from oslo_config import cfg

from freezer_api.conf import opts
from freezer_api.repository.protocol import Repository
from tests.contract.drivers import find_driver
from tests.functional.client import Client
from tests.functional.versions import V1, V2, Version
from tests.support.needs import on

with warnings.catch_warnings():
    # WebOb, a dependency of oslo.middleware, needs a module that Python deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from freezer_api import app

Identity = Callable[[str], dict[str, str]]


@pytest.fixture
def conf() -> cfg.ConfigOpts:
    """An empty configuration, without files."""
    conf = cfg.ConfigOpts()
    opts.register(conf)
    conf([], project="freezer", default_config_files=[], default_config_dirs=[])
    return conf


@pytest.fixture
def store_file(tmp_path: Path) -> Path:
    """The path of a SQLite store for this test."""
    return Path(find_driver("sqlite").make(tmp_path))


SERVERS = ("elasticsearch9", "mariadb", "postgresql")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Repeat tests of both versions of the API with v2 only on a server, unless ``--stores`` names it.

    The versions store the same documents, those of v2 with a project.
    """
    if config.getoption("stores") is not None:
        return
    names = {item.nodeid for item in items}
    repeated = {
        item for item in items if _is_v1_on_a_server(item) and item.nodeid.replace("-v1", "-v2", 1) in names
    }
    if repeated:
        config.hook.pytest_deselected(items=list(repeated))
        items[:] = [item for item in items if item not in repeated]


def _is_v1_on_a_server(item: pytest.Item) -> bool:
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return parameters.get("version") is V1 and parameters.get("engine", "sqlite") in SERVERS


@pytest.fixture(scope="session", params=on("sqlite", *SERVERS, slow=SERVERS))
def engine(request: pytest.FixtureRequest) -> str:
    """The name of the store's engine."""
    engine: str = request.param
    return engine


@pytest.fixture
def fresh_store(engine: str, tmp_path: Path) -> Iterator[Callable[[], Repository]]:
    """Return a function that returns an empty store. On a server it is always the same store, which is emptied."""
    opened: list[Repository] = []

    def fresh() -> Repository:
        driver, directory = find_driver(engine), tmp_path / f"store{len(opened)}"
        directory.mkdir()
        opened.append(driver.open_repository(driver.make(directory)))
        return opened[-1]

    yield fresh
    for repository in opened:
        repository.close()


@pytest.fixture
def repository(fresh_store: Callable[[], Repository]) -> Repository:
    """The store of the service."""
    return fresh_store()


@pytest.fixture
def service(conf: cfg.ConfigOpts, repository: Repository) -> WSGIApplication:
    """The service as `make run` configures it, with an empty store."""
    return app.build_standalone(conf, repository)


@pytest.fixture(params=[V1, V2], ids=str)
def version(request: pytest.FixtureRequest) -> Version:
    """The version of the API. Each test runs with v1 and with v2, unless it is marked for one version."""
    version: Version = request.param
    return version


@pytest.fixture
def identity(version: Version) -> Identity:
    """The identity headers of ``user``, ``user@project``, ``user@project role,role`` or ``bad-token``."""

    def headers(who: str) -> dict[str, str]:
        if who == "bad-token":
            return {"X-Auth-Token": "no token"}
        user, project, roles = version.place(who)
        return {"X-Auth-Token": ":".join(filter(None, (user, project, roles)))}

    return headers


@pytest.fixture
def client(service: WSGIApplication, version: Version, identity: Identity) -> Client:
    return Client(service, version, identity)
