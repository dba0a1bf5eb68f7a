"""Places on real servers: Elasticsearch 9 for what is the same everywhere, all four where engines may differ."""

import uuid
from collections.abc import Iterator

import pytest

from tests.elastic.place import Place
from tests.servers.search.shared import SearchServers

ENGINES = [("elasticsearch", "8"), ("elasticsearch", "9"), ("opensearch", "2"), ("opensearch", "3")]


def _place(servers: SearchServers, engine: str, version: str) -> Iterator[Place]:
    place = Place(servers.server(engine, version).url, f"upkeep-{uuid.uuid4().hex[:8]}")
    place.connect()
    yield place
    place.clear()
    for connection in place.opened:
        connection.close()


@pytest.fixture
def place(search_servers: SearchServers) -> Iterator[Place]:
    """Nothing is there yet."""
    yield from _place(search_servers, "elasticsearch", "9")


@pytest.fixture(params=ENGINES, ids="".join)
def every_place(search_servers: SearchServers, request: pytest.FixtureRequest) -> Iterator[Place]:
    """One on each engine."""
    yield from _place(search_servers, *request.param)
