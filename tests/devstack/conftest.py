# SPDX-License-Identifier: Apache-2.0
"""Fixtures: stacks, their Elasticsearch, and an Apache with their sites."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.devstack.apache import Apache
from tests.devstack.stack import Stack
from tests.support.left_out import leave_out
from tests.support.search.server import Server
from tests.support.search.shared import SearchServers

VERSION = "9.5.4"


@pytest.fixture(scope="session")
def elasticsearch(search_servers: SearchServers) -> Iterator[Server]:
    """Return a server with TLS and the user freezer, whose password is DATABASE_PASSWORD of a stack."""
    server = search_servers.server("elasticsearch", "8", secure=True)
    yield server
    server.request("DELETE", "/freezer-*")


MakeStack = Callable[..., Stack]


@pytest.fixture(scope="session")
def make_stack(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> MakeStack:
    """Return a function that creates a stack. With the backend elasticsearch it uses a real server."""

    def _make(server_type: str = "", backend: str = "", **variables: str) -> Stack:
        chosen = {"FREEZER_API_SERVER_TYPE": server_type, "FREEZER_BACKEND": backend}
        stack = Stack(tmp_path_factory.mktemp("stack"), **{k: v for k, v in chosen.items() if v}, **variables)
        stack.publish(VERSION)
        if backend == "elasticsearch":
            server: Server = request.getfixturevalue("elasticsearch")
            assert server.access.ca is not None
            shutil.copy(server.access.ca, stack.variables["CA"])
            access = {"DATABASE_PASSWORD": server.access.password, "ELASTICSEARCH_URL": server.url}
            stack.variables.update(access)
        return stack

    return _make


@pytest.fixture
def stack(make_stack: MakeStack) -> Stack:
    """Return a stack with the defaults of the plugin."""
    return make_stack()


@pytest.fixture
def apache(tmp_path: Path) -> Iterator[Callable[[Stack], Apache]]:
    """Return a function that creates an Apache with the sites of a stack. It is stopped at the end."""
    made: list[Any] = []

    def _make(stack: Stack) -> Apache:
        if shutil.which("apache2") is None:
            leave_out("no apache2")
        made.append(Apache(stack, tmp_path))
        return made[-1]

    yield _make
    for apache in made:
        apache.stop()
