# SPDX-License-Identifier: Apache-2.0
"""Drivers of search servers. Tests on one server share a store, which is emptied for each test."""

from collections.abc import Callable

from freezer_api.repository.elastic.access import Access, open_pool
from freezer_api.repository.elastic.admin import ElasticAdmin
from freezer_api.repository.elastic.indices import alias_of
from freezer_api.repository.elastic.layout import LAYOUTS
from freezer_api.repository.elastic.repository import ElasticRepository
from freezer_api.repository.elastic.transport import Connection
from tests.support.search.shared import SHARED

PREFIX = "contract"


def make(name: str) -> str:
    """Empty the store on the server that all tests share, and return its address."""
    url = SHARED.named(name).url
    connection = connect(url)
    ElasticAdmin(connection, PREFIX).sync(list(LAYOUTS), erase=lambda _question: False)
    for layout in LAYOUTS.values():
        alias = alias_of(PREFIX, layout.kind)
        # Shorter than in production, where many writes share a refresh: tests wait after each write.
        connection.call("PUT", f"/{alias}/_settings", {"index": {"refresh_interval": "2ms"}})
        empty(connection, alias)
    connection.close()
    return url


def empty(connection: Connection, alias: str) -> None:
    while True:
        answer = connection.call("POST", f"/{alias}/_search", {"size": 10_000, "_source": False})
        hits = answer.body["hits"]["hits"]
        if not hits:
            return
        lines = "".join(f'{{"delete":{{"_index":"{hit["_index"]}","_id":"{hit["_id"]}"}}}}\n' for hit in hits)
        connection.bulk("/_bulk?refresh=true", lines.encode())


def connect(url: str) -> Connection:
    return Connection(lambda: open_pool(Access((url,)), 32), deadline=30.0)


def open_repository(url: str) -> ElasticRepository:
    return ElasticRepository(connect(url), PREFIX)


def set_clock(repository: ElasticRepository, clock: Callable[[], int]) -> None:
    repository._clock = clock
