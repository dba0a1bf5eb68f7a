# SPDX-License-Identifier: Apache-2.0
"""With a real nginx in front of the store, a document above nginx's limit is refused with 413 at once."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from freezer_api.errors import TooLarge
from freezer_api.repository.elastic.access import Access
from freezer_api.repository.elastic.admin import ElasticAdmin
from freezer_api.repository.elastic.repository import ElasticRepository
from freezer_api.repository.elastic.transport import Connection
from freezer_api.repository.protocol import Original
from tests.contract.asking import JOBS, found, job
from tests.hosting.hosts import Host, Nginx, Place
from tests.support.search.shared import SearchServers

LIMIT = 64 << 10


@pytest.fixture
def connection(
    search_servers: SearchServers, started: Callable[[Host], Host], place: Place
) -> Iterator[Connection]:
    url = search_servers.server("elasticsearch", "9").url
    health = "location = /healthcheck { return 200 OK; }"
    proxy = started(Nginx(place, f"client_max_body_size {LIMIT}; {health} location / {{ proxy_pass {url}; }}"))
    connection = Connection(Access((proxy.url,), deadline=10.0), 2)
    yield connection
    connection.close()


@pytest.fixture
def repository(connection: Connection) -> Iterator[ElasticRepository]:
    prefix = f"t{uuid.uuid4().hex}"
    admin = ElasticAdmin(connection, prefix)
    admin.sync(["jobs"], erase=lambda _question: False)
    yield ElasticRepository(connection, prefix)
    admin.remove(["jobs"])


def test_document_above_the_limit_is_refused_at_once(
    repository: ElasticRepository, caplog: pytest.LogCaptureFixture
) -> None:
    kept = repository.create(JOBS, "one", job("one"))
    for size in (LIMIT, 20 * LIMIT, 120 * LIMIT):
        for call in (
            lambda size=size: repository.create(JOBS, "new", job("new", n="x" * size)),
            lambda size=size: repository.replace(JOBS, "one", job("one", n="x" * size), kept.token),
            lambda size=size: repository.create_all(JOBS, {"new": job("new", n="x" * size)}),
        ):
            caplog.clear()
            with pytest.raises(TooLarge, match="The store refuses a document of this size"):
                call()
            (line,) = [record.getMessage() for record in caplog.records if record.name.startswith("freezer_api")]
            assert line.startswith("The store or a proxy in front of it refuses a request of ")
            assert line.endswith(" bytes: raise the proxy's limit or http.max_content_length")
            assert repository.get(JOBS, "one") == kept
    assert found(repository) == ["one"]


def test_restore_omits_documents_above_the_limit(repository: ElasticRepository) -> None:
    documents = [Original(f"j{n}", job(f"j{n}", n="x" * size), 1, n) for n, size in enumerate((1, LIMIT, 1))]
    assert repository.restore(JOBS, documents) == [True, None, True]
    assert found(repository) == ["j0", "j2"]


def test_documents_that_are_too_large_together_are_restored(repository: ElasticRepository) -> None:
    documents = [Original(f"j{n}", job(f"j{n}", n="x" * (LIMIT // 4)), 1, n) for n in range(9)]
    assert repository.restore(JOBS, documents) == [True] * 9
    assert repository.restore(JOBS, documents) == [False] * 9
    assert found(repository) == [f"j{n}" for n in range(9)]
