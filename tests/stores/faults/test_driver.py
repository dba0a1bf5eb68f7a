# SPDX-License-Identifier: Apache-2.0
"""The driver in this process, behind a proxy that disturbs its requests."""

import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from freezer_api.errors import AlreadyExists, CommandError, Conflict, StoreFailed, Unavailable
from freezer_api.repository import query as q
from freezer_api.repository.elastic.access import Access
from freezer_api.repository.elastic.admin import ElasticAdmin
from freezer_api.repository.elastic.dialect import UnsupportedServer
from freezer_api.repository.elastic.layout import LAYOUTS, Layout
from freezer_api.repository.elastic.repository import ElasticRepository
from freezer_api.repository.elastic.transport import Connection
from freezer_api.repository.protocol import Original
from tests.contract.asking import JOBS, found, job
from tests.support.proxy import Proxy, Trouble
from tests.support.search.shared import SearchServers


def page(status: str, body: str = "", media_type: str = "application/json") -> bytes:
    """Return a response of a proxy."""
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n"
        f"Connection: close\r\n\r\n{body}"
    ).encode()


BUSY = page("429 Too Many Requests", '{"error": {"type": "es_rejected_execution_exception"}, "status": 429}')
GATEWAY = page("502 Bad Gateway", "<html>nginx</html>", "text/html")
FORBIDDEN = page("403 Forbidden", "<html>nginx</html>", "text/html")


@pytest.fixture(scope="module")
def proxy(search_servers: SearchServers) -> Iterator[Proxy]:
    with Proxy(search_servers.server("elasticsearch", "9").url) as proxy:
        yield proxy


Connect = Callable[..., Connection]


@pytest.fixture
def connect(proxy: Proxy) -> Iterator[Connect]:
    """Open connections through the proxy."""
    made: list[Connection] = []

    def make(*hosts: str, **options: Any) -> Connection:
        access = Access(hosts or (proxy.url,), deadline=30.0)
        made.append(Connection(replace(access, **options), 4))
        return made[-1]

    yield make
    for connection in made:
        connection.close()


@pytest.fixture
def prefix(proxy: Proxy, connect: Connect) -> Iterator[str]:
    """The prefix of this test's indices."""
    prefix = f"t{uuid.uuid4().hex}"
    admin = ElasticAdmin(connect(), prefix)
    admin.sync(["jobs"], erase=lambda _question: False)
    yield prefix
    proxy.always("pass")
    admin.remove(list(LAYOUTS))


@pytest.fixture
def repository(connect: Connect, prefix: str) -> ElasticRepository:
    """A repository that repeats a hanging attempt soon."""
    return ElasticRepository(connect(timeout=2.0), prefix)


LOST: list[Trouble] = ["drop", "cut", "hang"]


class TestLostResponse:
    """The store performed a write whose response was lost. The retry detects that the first attempt succeeded."""

    @pytest.mark.parametrize("how", LOST)
    def test_creation_with_a_lost_response_succeeds(
        self, proxy: Proxy, repository: ElasticRepository, how: Trouble
    ) -> None:
        proxy.once(how, to=b"PUT")
        created = repository.create(JOBS, "one", job("one"))

        assert created.version == 1
        assert created == repository.get(JOBS, "one")
        assert found(repository) == ["one"]

    @pytest.mark.parametrize("how", LOST)
    def test_several_creations_with_a_lost_response_succeed(
        self, proxy: Proxy, repository: ElasticRepository, how: Trouble
    ) -> None:
        proxy.once(how, to=b"POST /_bulk")
        created = repository.create_all(JOBS, {key: job(key) for key in ("one", "two")})

        assert list(created) == ["one", "two"]
        assert created["one"] == repository.get(JOBS, "one")
        assert found(repository) == ["one", "two"]

    @pytest.mark.parametrize("how", LOST)
    def test_replacement_with_a_lost_response_succeeds(
        self, proxy: Proxy, repository: ElasticRepository, how: Trouble
    ) -> None:
        created = repository.create(JOBS, "one", job("one"))
        proxy.once(how)
        replaced = repository.replace(JOBS, "one", job("one", n=2), created.token)

        assert replaced.version == 2
        assert replaced == repository.get(JOBS, "one")
        assert found(repository, q.HasWords(None, ("2",))) == ["one"]

    @pytest.mark.parametrize("how", LOST)
    def test_deletion_with_a_lost_response_succeeds(
        self, proxy: Proxy, repository: ElasticRepository, how: Trouble
    ) -> None:
        created = repository.create(JOBS, "one", job("one"))
        proxy.once(how)
        repository.delete(JOBS, "one", created.token)

        assert repository.get(JOBS, "one") is None
        assert found(repository) == []

    @pytest.mark.parametrize("how", LOST)
    def test_restore_with_a_lost_response_succeeds(
        self, proxy: Proxy, repository: ElasticRepository, how: Trouble
    ) -> None:
        there = repository.create(JOBS, "there", job("there"))
        originals = [Original(key, job(key), 7, 1) for key in ("one", "there", "two")]
        proxy.once(how)

        assert repository.restore(JOBS, originals) == [True, False, True]
        assert found(repository) == ["one", "two", "there"]
        assert repository.get(JOBS, "there") == there

    def test_conflict_with_another_write_is_reported(self, proxy: Proxy, repository: ElasticRepository) -> None:
        first = repository.create(JOBS, "one", job("one"))
        current = repository.replace(JOBS, "one", job("one", n=2), first.token)
        for method, attempt, error in (
            (b"PUT", lambda: repository.create(JOBS, "one", job("one", n=3)), AlreadyExists),
            (b"PUT", lambda: repository.replace(JOBS, "one", job("one", n=3), first.token), Conflict),
            (b"DELETE", lambda: repository.delete(JOBS, "one", first.token), Conflict),
        ):
            proxy.once("drop", to=method)
            with pytest.raises(error):
                attempt()
        assert repository.get(JOBS, "one") == current


@pytest.mark.parametrize("busy", [BUSY, GATEWAY], ids=["429", "502"])
class TestBusyServer:
    def test_request_is_retried_after_429_and_502(
        self, proxy: Proxy, repository: ElasticRepository, busy: bytes
    ) -> None:
        proxy.once(busy, to=b"PUT")
        assert repository.create(JOBS, "one", job("one")).version == 1
        proxy.once(busy)
        assert found(repository) == ["one"]

    def test_permanently_busy_store_is_unavailable(
        self, proxy: Proxy, connect: Connect, prefix: str, busy: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        repository = ElasticRepository(connect(retries=2), prefix)
        repository.create(JOBS, "one", job("one"))
        proxy.always(busy)
        for _ in range(3):
            with pytest.raises(Unavailable):
                repository.search(JOBS, q.Query())
        proxy.always("pass")

        assert found(repository) == ["one"]
        lines = [record.getMessage() for record in caplog.records if "outages" in record.name]
        assert sum("is not available" in line for line in lines) == 1
        assert sum("answers again" in line for line in lines) == 1


def test_retries_are_limited_by_the_option(proxy: Proxy, connect: Connect, prefix: str) -> None:
    patient, hasty = (ElasticRepository(connect(retries=retries), prefix) for retries in (1, 0))
    proxy.once("drop")
    assert found(patient) == []
    proxy.once("drop")
    with pytest.raises(Unavailable):
        hasty.search(JOBS, q.Query())


def test_requests_go_to_the_other_node_if_one_is_down(connect: Connect, proxy: Proxy, prefix: str) -> None:
    with Proxy(proxy.url) as away:
        away.always("refuse")
        repository = ElasticRepository(connect(away.url, proxy.url), prefix)
        for number in range(6):
            assert repository.create(JOBS, f"j{number}", job(f"j{number}")).version == 1


FOREIGN = {
    "404 with a message": page("404 Not Found", '{"message": "no Route matched with those values"}'),
    "404 with an error": page("404 Not Found", '{"error": "Not Found", "status": 404, "path": "/x"}'),
    "404 with another error object": page("404 Not Found", '{"error": {"code": 404, "type": "x"}}'),
    "404 of another document": page("404 Not Found", '{"_index": "x", "_id": "other", "found": false}'),
    "409": page("409 Conflict", '{"error": {"code": 409}}'),
    "400": page("400 Bad Request", '{"error": "Bad Request"}'),
    "500": page("500 Internal Server Error", '{"message": "oops"}'),
    "200 and an empty object": page("200 OK", "{}"),
    "200 and another object": page(
        "200 OK", '{"hits": 7, "items": [], "result": 1, "status": "ok", "found": true}'
    ),
    "200 and a list of other items": page("200 OK", '{"errors": false, "items": [{"id": 1}]}'),
    "200 and too few items": page("200 OK", '{"errors": false, "items": []}'),
    "200 and a page": page("200 OK", "<html>Welcome</html>", "text/html"),
    "302": page("302 Found", '{"location": "/login"}'),
    "401": page("401 Unauthorized", "<html>nginx</html>", "text/html"),
    "403": page("403 Forbidden", '{"message": "IP not allowed"}'),
}


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the levels of the service's log messages."""
    return [record.levelname for record in caplog.records if record.name.startswith("freezer_api")]


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
class TestForeignResponse:
    """A proxy in front of the store, or another server at its address, responds instead."""

    def test_foreign_response_is_unavailable_and_logged(
        self, proxy: Proxy, connect: Connect, prefix: str, foreign: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        writer = ElasticRepository(connect(), prefix)
        current, changed, removed = (writer.create(JOBS, key, job(key)) for key in ("one", "two", "three"))
        calls: list[Callable[[ElasticRepository], object]] = [
            lambda repository: repository.get(JOBS, "one"),
            lambda repository: repository.search(JOBS, q.Query(with_total=True)),
            lambda repository: repository.create(JOBS, "new", job("new")),
            lambda repository: repository.replace(JOBS, "two", job("two", n=2), changed.token),
            lambda repository: repository.delete(JOBS, "three", removed.token),
            lambda repository: repository.restore(JOBS, [Original("other", job("other"), 1, 1)]),
            ElasticRepository.check,
        ]
        for call in calls:
            repository = ElasticRepository(connect(retries=0), prefix)
            proxy.always("pass")
            # The check fails because only jobs have an index, but it makes the connection detect the engine.
            with suppress(Unavailable):
                repository.check()
            assert repository.get(JOBS, "one") == current
            caplog.clear()
            proxy.always(foreign)
            with pytest.raises(Unavailable):
                call(repository)
            assert logged(caplog) == ["ERROR"]

    def test_foreign_response_to_the_first_request_is_logged(
        self, proxy: Proxy, connect: Connect, prefix: str, foreign: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        repository = ElasticRepository(connect(retries=0), prefix)
        proxy.always(foreign)
        with pytest.raises(Unavailable):
            repository.get(JOBS, "one")
        assert logged(caplog) == ["ERROR"]
        proxy.always("pass")
        assert repository.get(JOBS, "one") is None

    def test_foreign_response_ends_a_command_as_unavailable(
        self, proxy: Proxy, connect: Connect, prefix: str, foreign: bytes
    ) -> None:
        admin = ElasticAdmin(connect(retries=0), prefix, replicas=1)
        admin.sync(["jobs"], erase=lambda _question: False)
        proxy.always(foreign)
        for call in (
            lambda: admin.pending(["jobs"]),
            lambda: admin.sync(["jobs"], erase=lambda _question: True),
            lambda: admin.remove(["jobs"]),
            admin.update_settings,
            admin.show,
        ):
            with pytest.raises(Unavailable):
                call()
        proxy.always("pass")
        assert admin.pending(["jobs"]) == []


def test_foreign_response_ends_a_command_that_can_be_repeated(proxy: Proxy, connect: Connect, prefix: str) -> None:
    """A foreign response to each request of each command in turn. The next run completes the work."""
    connection, foreign = connect(retries=0), FOREIGN["200 and an empty object"]
    layouts = {name: LAYOUTS[name] for name in ("jobs", "clients")}
    admin = ElasticAdmin(connection, prefix, replicas=1, layouts=layouts)
    for number, call in enumerate(
        (
            lambda: admin.sync(["clients"], erase=lambda _question: False),
            admin.show,
            admin.update_settings,
            lambda: admin.remove(["jobs", "clients"]),
        )
    ):
        passed = 0
        while True:
            seen = iter(range(passed))
            proxy.trouble = lambda answer, seen=seen: (
                "pass" if not answer or next(seen, None) is not None else foreign
            )
            try:
                call()
                break
            except (Unavailable, StoreFailed, CommandError):
                passed += 1
                assert passed < 40, number
    proxy.always("pass")


class TestDetection:
    def test_unknown_server_is_refused(self, proxy: Proxy, connect: Connect) -> None:
        for answer in (page("200 OK", "<html>It works!</html>", "text/html"), page("200 OK", '{"name": "x"}')):
            proxy.once(answer)
            with pytest.raises(UnsupportedServer) as caught:
                connect().detect_engine()
            assert "Elasticsearch 8.19 to 9.x and OpenSearch 2.19 to 3.x" in caught.value.reason

    @pytest.mark.parametrize(
        ("version", "engine", "reason"),
        [
            ('{"number": "7.17.9"}', "auto", "elasticsearch 7.17.9"),
            ('{"number": "8.18.3"}', "auto", "elasticsearch 8.18.3"),
            ('{"number": "10.0.0"}', "auto", "elasticsearch 10.0.0"),
            ('{"number": "1.3.20", "distribution": "opensearch"}', "auto", "opensearch 1.3.20"),
            ('{"number": "9.5.3"}', "opensearch", "engine = opensearch"),
            ('{"number": "7.10.2"}', "auto", "elasticsearch 7.10.2"),
            ('{"number": "7.10.2"}', "elasticsearch", "elasticsearch 7.10.2"),
            ('{"number": "7.17.9"}', "elasticsearch", "elasticsearch 7.17.9; supported are"),
            ('{"number": "1.3.20"}', "opensearch", "engine = opensearch"),
            ('{"number": "3.8.0", "distribution": "opensearch"}', "elasticsearch", "engine = elasticsearch"),
            ('{"number": "next"}', "auto", "is unknown"),
            ('{"number": 9}', "auto", "is unknown"),
        ],
    )
    def test_unsupported_release_is_refused(
        self, proxy: Proxy, connect: Connect, version: str, engine: str, reason: str
    ) -> None:
        proxy.once(page("200 OK", f'{{"version": {version}}}'))
        with pytest.raises(UnsupportedServer) as caught:
            connect(engine=engine).detect_engine()
        assert reason in caught.value.reason
        assert "503" not in str(caught.value)

    @pytest.mark.parametrize(
        ("info", "engine"),
        [
            ('{"version": {"number": "7.10.2"}, "tagline": "The OpenSearch Project: x"}', "auto"),
            ('{"version": {"number": "7.10.2"}, "tagline": "The OpenSearch Project: x"}', "opensearch"),
            ('{"version": {"number": "7.10.2", "distribution": "opensearch"}}', "auto"),
            ('{"version": {"number": "7.10.2"}}', "opensearch"),
            ('{"version": {"number": "3.8.0"}}', "opensearch"),
        ],
    )
    def test_opensearch_with_another_reported_version_is_detected(
        self, proxy: Proxy, connect: Connect, info: str, engine: str
    ) -> None:
        connection = connect(engine=engine)
        proxy.once(page("200 OK", info))
        assert connection.detect_engine().calls["accept"] == "application/json"

    @pytest.mark.slow
    @pytest.mark.store("opensearch2")
    def test_opensearch_with_an_overridden_version_is_usable(self, search_servers: SearchServers) -> None:
        override = {"compatibility.override_main_response_version": "true"}
        with search_servers.cluster("opensearch", "2", nodes=1, settings=override) as cluster:
            for engine in ("auto", "opensearch"):
                connection = Connection(Access((cluster.url,), engine=engine, deadline=30.0), 1)
                admin = ElasticAdmin(connection, engine)
                admin.sync(list(LAYOUTS), erase=lambda _question: False)
                repository = ElasticRepository(connection, engine)
                repository.check()
                assert repository.create(JOBS, "one", job("one")).version == 1
                assert found(repository) == ["one"]
                repository.close()

    def test_configured_engine_is_used_without_the_privilege(
        self, proxy: Proxy, connect: Connect, prefix: str
    ) -> None:
        proxy.once(FORBIDDEN)
        assert found(ElasticRepository(connect(engine="elasticsearch"), prefix)) == []
        proxy.once(FORBIDDEN)
        with pytest.raises(UnsupportedServer) as caught:
            connect().detect_engine()
        assert "credentials" in caught.value.reason

    def test_unsupported_server_at_the_first_request_is_logged(
        self, proxy: Proxy, repository: ElasticRepository, caplog: pytest.LogCaptureFixture
    ) -> None:
        proxy.once(page("200 OK", '{"version": {"number": "7.17.9"}}'))
        with pytest.raises(Unavailable):
            repository.get(JOBS, "one")
        assert "elasticsearch 7.17.9; supported are" in caplog.text
        assert repository.get(JOBS, "one") is None


def test_refused_credentials_are_unavailable(
    proxy: Proxy, repository: ElasticRepository, caplog: pytest.LogCaptureFixture
) -> None:
    assert repository.get(JOBS, "one") is None
    proxy.once(
        page("403 Forbidden", '{"error": {"type": "security_exception", "reason": "canary"}, "status": 403}')
    )
    with pytest.raises(Unavailable):
        repository.get(JOBS, "one")
    assert "403 security_exception" in caplog.text
    assert "canary" not in caplog.text


def test_response_without_json_is_retried(proxy: Proxy, repository: ElasticRepository) -> None:
    assert repository.get(JOBS, "one") is None
    for answer in (page("404 Not Found", "nothing"), page("200 OK", "[]"), page("200 OK")):
        proxy.once(answer)
        assert repository.create(JOBS, uuid.uuid4().hex, job("x")).version == 1


class TestIndex:
    def test_missing_index_is_unavailable(self, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
        repository = ElasticRepository(connect(), f"t{uuid.uuid4().hex}")
        for ask in (
            lambda: repository.get(JOBS, "one"),
            lambda: repository.search(JOBS, q.Query()),
            lambda: repository.create(JOBS, "one", job("one")),
            repository.check,
        ):
            caplog.clear()
            with pytest.raises(Unavailable):
                ask()
            assert "run 'freezer-manage db sync'" in caplog.text

    def test_index_of_an_older_release_is_unavailable(
        self, connect: Connect, caplog: pytest.LogCaptureFixture
    ) -> None:
        prefix = f"t{uuid.uuid4().hex}"
        older = ElasticAdmin(connect(), prefix, layouts={"jobs": Layout(replace(JOBS, hot=()))})
        older.sync(["jobs"], erase=lambda _question: False)
        repository = ElasticRepository(connect(), prefix)

        with pytest.raises(Unavailable):
            repository.create(JOBS, "one", job("one"))
        assert "run 'freezer-manage db sync'" in caplog.text
        older.remove(["jobs"])

    def test_long_key_is_store_failed(self, repository: ElasticRepository) -> None:
        with pytest.raises(StoreFailed):
            repository.create(JOBS, "k" * 513, job("one"))
        assert repository.get(JOBS, "k" * 513) is None


def test_refused_search_is_store_failed(connect: Connect, prefix: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(StoreFailed):
        connect().call("POST", f"/{prefix}-jobs/_search", {"query": {"canary": {}}})
    assert "400" in caplog.text
    assert "canary" not in caplog.text


def test_no_secret_is_logged(
    proxy: Proxy, search_servers: SearchServers, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    connection = Connection(Access((proxy.url,), "Basic canary", deadline=30.0, retries=1), 1)
    repository = ElasticRepository(connection, prefix)
    repository.create(JOBS, "one", job("one", password="canary"))
    proxy.always("drop")
    with pytest.raises(Unavailable):
        repository.create(JOBS, "two", job("two", password="canary"))
    connection.close()

    assert caplog.text
    assert "canary" not in caplog.text
