# SPDX-License-Identifier: Apache-2.0
"""Fixtures: the service behind Keystone's middleware, called in this process, and a real Keystone."""

from collections.abc import Callable, Iterator
from pathlib import Path
from wsgiref.types import WSGIApplication

import pytest
from oslo_config import cfg

from freezer_api.conf import opts
from freezer_api.repository.sql.sqlite import SQLiteRepository
from tests.functional.client import Client
from tests.functional.conftest import app
from tests.functional.versions import V1
from tests.support.embedded import make_file
from tests.support.keystone import Keystone

OURS = Path(__file__).parents[2] / "etc/freezer/freezer-paste.ini"

Serve = Callable[..., WSGIApplication]


@pytest.fixture(scope="session")
def serve(keystone: Keystone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Return a function that builds services with different options on the same store."""
    directory = tmp_path_factory.mktemp("identity")
    repository = SQLiteRepository(make_file(directory / "freezer.sqlite"))

    def served(paste: Path = OURS, **settings: str) -> WSGIApplication:
        lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
        configuration = directory / "freezer-api.conf"
        configuration.write_text(f"[paste_deploy]\nconfig_file = {paste}\n{keystone.section()}{lines}\n")
        conf = cfg.ConfigOpts()
        opts.register(conf)
        conf(["--config-file", str(configuration)], project="freezer")
        built = app.build(conf, repository)
        assert not built.loopback_only
        return built.app

    yield served
    repository.close()


@pytest.fixture(scope="session")
def service(serve: Serve) -> WSGIApplication:
    """Return the service with the shipped paste file, whose authtoken filter caches tokens."""
    return serve()


@pytest.fixture(scope="session")
def identity(keystone: Keystone) -> Callable[[str], dict[str, str]]:
    """Return a function that returns the token header of ``user@project role,role``. Default role: member."""

    def headers(who: str) -> dict[str, str]:
        place, _, roles = who.partition(" ")
        user, _, project = place.partition("@")
        return {"X-Auth-Token": keystone.token(user, project or "library", *(roles or "member").split(","))}

    return headers


@pytest.fixture
def client(service: WSGIApplication, identity: Callable[[str], dict[str, str]]) -> Client:
    return Client(service, V1, identity)
