"""Places on real servers: Elasticsearch 9 for what is the same everywhere, all four where engines may differ."""

from collections.abc import Iterator

import pytest

from tests.stores.elasticsearch.place import Place, opened
from tests.support.needs import SEARCH, on
from tests.support.search.shared import SearchServers


@pytest.fixture
def place(search_servers: SearchServers) -> Iterator[Place]:
    """Nothing is there yet."""
    yield from opened(search_servers, "elasticsearch", "9")


@pytest.fixture(params=on(*SEARCH))
def every_place(search_servers: SearchServers, request: pytest.FixtureRequest) -> Iterator[Place]:
    """One on each engine."""
    yield from opened(search_servers, request.param[:-1], request.param[-1])
