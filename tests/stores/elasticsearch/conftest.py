# SPDX-License-Identifier: Apache-2.0
"""Fixtures: stores on real servers, on Elasticsearch 9 or on all four servers if they may differ."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from freezer_api.repository.elastic import copying
from tests.stores.elasticsearch.place import Place, opened
from tests.support.needs import SEARCH, on
from tests.support.search.shared import SearchServers


@pytest.fixture(autouse=True)
def _quick_takeover(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take over copies soon."""
    monkeypatch.setattr(copying, "HEARTBEAT_TIMEOUT", 0.1)


@pytest.fixture
def max_blocked(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set the number of documents that are copied while writes are refused."""
    return partial(monkeypatch.setattr, copying, "MAX_BLOCKED_DOCUMENTS")


@pytest.fixture
def place(search_servers: SearchServers) -> Iterator[Place]:
    """An empty store on Elasticsearch 9."""
    yield from opened(search_servers, "elasticsearch", "9")


@pytest.fixture(params=on(*SEARCH))
def every_place(search_servers: SearchServers, request: pytest.FixtureRequest) -> Iterator[Place]:
    """An empty store on each server."""
    yield from opened(search_servers, request.param[:-1], request.param[-1])
