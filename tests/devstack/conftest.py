"""Stacks, the server that they have Elasticsearch on, and the Apache that has their sites."""

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
    """With a certificate, and the user freezer, whose password a stack is given as DATABASE_PASSWORD."""
    server = search_servers.server("elasticsearch", "8", secure=True)
    yield server
    server.request("DELETE", "/freezer-*")


MakeStack = Callable[..., Stack]


@pytest.fixture(scope="session")
def make_stack(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> MakeStack:
    """Makes a stack in a new directory; with the backend elasticsearch on a real server."""

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
    """With the defaults of the plugin."""
    return make_stack()


@pytest.fixture
def apache(tmp_path: Path) -> Iterator[Callable[[Stack], Apache]]:
    """Makes an Apache with the sites of a stack, and ends it."""
    made: list[Any] = []

    def _make(stack: Stack) -> Apache:
        if shutil.which("apache2") is None:
            leave_out("no apache2")
        made.append(Apache(stack, tmp_path))
        return made[-1]

    yield _make
    for apache in made:
        apache.stop()
