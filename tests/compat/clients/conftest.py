# SPDX-License-Identifier: Apache-2.0
"""Fixtures: the service in Keystone's catalog, run as in production, and the virtual environments of clients."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.keystone import Keystone, Missing, environment
from tests.support.left_out import leave_out
from tests.support.needs import on
from tests.support.search.shared import SearchServers
from tests.support.service import Production, search_store

OURS = Path(__file__).parents[3] / "etc/freezer/freezer-paste.ini"


def programs_of(name: str, requirements: tuple[str, ...]) -> Path:
    """Return the ``bin`` directory of an environment with these packages."""
    try:
        return environment(name, requirements) / "bin"
    except Missing as missing:
        leave_out(f"no client: {missing}")


@pytest.fixture(scope="module", params=on("sqlite", "elasticsearch9", slow=["elasticsearch9"]))
def service(
    request: pytest.FixtureRequest,
    keystone: Keystone,
    search_servers: SearchServers,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Production]:
    """A service with an empty store, shared by the tests of one module."""
    directory = tmp_path_factory.mktemp("production")
    sections = f"[DEFAULT]\ndebug = true\n[paste_deploy]\nconfig_file = {OURS}\n{keystone.section()}"
    if request.param == "elasticsearch9":
        store = search_store(directory, search_servers.server("elasticsearch", "9").url)
        store.write_text(store.read_text() + sections)
        started = Production(directory / "data", "--workers", "2", config=store)
    else:
        configuration = directory / "freezer-api.conf"
        configuration.write_text(sections)
        started = Production(directory / "data", "--config-file", str(configuration), "--workers", "2")
    registered = keystone.register("backup", started.start().url)
    yield started
    keystone.unregister(registered)
    started.end()
