# SPDX-License-Identifier: Apache-2.0
"""Drivers of search servers. Tests on one server share a store, which is emptied for each test."""

from collections.abc import Callable
from functools import cache

from freezer_api.repository.elastic.access import Access
from freezer_api.repository.elastic.admin import ElasticAdmin
from freezer_api.repository.elastic.layout import LAYOUTS, alias_of
from freezer_api.repository.elastic.repository import ElasticRepository
from freezer_api.repository.elastic.transport import Connection
from tests.support.search.shared import SHARED

PREFIX = "contract"
_ALIASES = ",".join(alias_of(PREFIX, layout.kind) for layout in LAYOUTS.values())


def make(name: str) -> str:
    """Empty the store on the server that all tests share, and return its address."""
    url = _made(name)
    connection = connect(url)
    empty(connection)
    connection.close()
    return url


@cache
def _made(name: str) -> str:
    url = SHARED.named(name).url
    connection = connect(url)
    ElasticAdmin(connection, PREFIX).sync(list(LAYOUTS), erase=lambda _question: False)
    # Shorter than in production, where many writes share a refresh: tests wait after each write.
    connection.call("PUT", f"/{_ALIASES}/_settings", {"index": {"refresh_interval": "2ms"}})
    connection.close()
    return url


def empty(connection: Connection) -> None:
    while True:
        answer = connection.call("POST", f"/{_ALIASES}/_search", {"size": 10_000, "_source": False})
        hits = answer.body["hits"]["hits"]
        if not hits:
            return
        lines = "".join(f'{{"delete":{{"_index":"{hit["_index"]}","_id":"{hit["_id"]}"}}}}\n' for hit in hits)
        connection.call("POST", "/_bulk?refresh=true", lines.encode())


def connect(url: str) -> Connection:
    return Connection(Access((url,), deadline=30.0), 32)


def open_repository(url: str) -> ElasticRepository:
    return ElasticRepository(connect(url), PREFIX)


def set_clock(repository: ElasticRepository, clock: Callable[[], int]) -> None:
    repository._clock = clock
