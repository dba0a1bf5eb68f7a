# SPDX-License-Identifier: Apache-2.0
"""The limit of concurrent lists of one project, and the time limit of searches."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import pytest
from oslo_config import cfg

from freezer_api import app
from freezer_api.repository.protocol import Page, Repository
from tests.functional.client import Answer, Client
from tests.functional.conftest import Identity
from tests.functional.versions import Version

pytestmark = pytest.mark.any_store

KINDS = ("backups", "clients", "jobs", "actions", "sessions")
POLL = {"match_not": [{"status": "completed"}], "match": [{"client_id": "node1"}]}
TEXT = (
    "A worker serves 4 lists of one project at a time, the limit set by [api] max_concurrent_lists. "
    "Try again later"
)


class Held:
    """A store whose searches wait for :meth:`let_go`, or raise ``error``."""

    def __init__(self, store: Repository) -> None:
        self._store = store
        self._free = threading.Event()
        self.waiting = threading.Semaphore(0)
        self.holds = False
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def search(self, *arguments: Any) -> Page:
        if self.holds:
            self.waiting.release()
            assert self._free.wait(60)
        if self.error is not None:
            raise self.error
        return self._store.search(*arguments)

    def let_go(self) -> None:
        self.holds = False
        self._free.set()


@pytest.fixture
def held(repository: Repository) -> Iterator[Held]:
    held = Held(repository)
    yield held
    held.let_go()


@pytest.fixture
def client(conf: cfg.ConfigOpts, held: Held, version: Version, identity: Identity) -> Client:
    return Client(app.build_standalone(conf, held, threads=8), version, identity)


Running = Callable[..., Callable[[], list[Answer]]]


@pytest.fixture
def running(client: Client, held: Held) -> Iterator[Running]:
    """Start lists of alice that wait in the store. The result lets them continue and returns the responses."""
    with ExitStack() as stack:

        def run(*paths: str, by: str = "alice") -> Callable[[], list[Answer]]:
            answers: list[Answer] = []
            threads: list[threading.Thread] = []
            held.holds = True
            for path in paths:
                thread = threading.Thread(target=lambda path=path: answers.append(client("GET", path, by=by)))
                thread.start()
                stack.callback(thread.join)
                stack.callback(held.let_go)
                threads.append(thread)
                assert held.waiting.acquire(timeout=60)
            held.holds = False

            def finish() -> list[Answer]:
                held.let_go()
                for thread in threads:
                    thread.join()
                return answers

            return finish

        yield run


def test_list_above_the_limit_is_429(
    client: Client, held: Held, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    finish = running("jobs", "backups?limit=1", "clients", "jobs?all_projects=true")
    for kind in KINDS:
        refused = client("GET", kind)
        assert refused.error == (429, "Too Many Requests", TEXT)
        assert refused.headers["retry-after"] == "5"
    assert [text for text in caplog.messages if "max_concurrent_lists" in text] == [
        f"Refused a request of project {client.version.place('alice')[1]}: {TEXT}"
    ]
    # The limit is shared by all users of the project, not by other projects.
    assert client("GET", "jobs", by="bob@other").status == 200
    assert [answer.status for answer in finish()] == [200] * 4
    assert client("GET", "jobs").status == 200


@pytest.mark.parametrize("change", [{}, {"limit": "9"}])
def test_poll_is_never_429(client: Client, running: Running, change: dict[str, str]) -> None:
    running(*["jobs"] * 4)
    query = "".join(f"&{name}={value}" for name, value in change.items())
    assert client("GET", f"jobs?offset=0{query}", POLL).json == {"jobs": []}
    assert client("GET", f"jobs?search={quote(json.dumps(POLL))}{query}").json == {"jobs": []}
    assert client("GET", f"jobs?all_projects=true{query}", POLL).status == 200


@pytest.mark.parametrize(
    "search",
    [
        {"match": [{"client_id": "a"}]},
        {"match_not": [{"status": "a"}]},
        {**POLL, "match": [{"client_id": "a"}, {"_all": "x y"}]},
        {**POLL, "match_not": [{"status": "a", "x": 1}]},
        {**POLL, "match_not": [{"status": str(number)} for number in range(10)]},
        {"match": [{"_all": json.dumps([{"client_id": "a"}])}], "match_not": [{"status": "completed"}]},
    ],
)
def test_search_with_other_parameters_is_not_a_poll(
    client: Client, running: Running, search: dict[str, Any]
) -> None:
    running(*["jobs"] * 4)
    assert client("GET", "jobs", search).status == 429


def test_poll_is_not_counted_in_the_limit(client: Client, held: Held, running: Running) -> None:
    running(*[f"jobs?search={quote(json.dumps(POLL))}"] * 8)
    assert client("GET", "jobs").status == 200


def test_other_requests_are_never_429(client: Client, running: Running) -> None:
    running(*["jobs"] * 4)
    assert client("POST", "clients", {"client_id": "node1"}).status == 201
    assert client("POST", "jobs/j1", {"client_id": "node1", "job_actions": []}).status == 201
    assert client("GET", "jobs/j1").status == 200
    assert client("POST", "jobs/j1/event", {"start": None}).status == 202
    assert client("POST", "sessions/s1", {"session_tag": 0, "schedule": {}}).status == 201
    assert client("PUT", "sessions/s1/jobs/j1").status == 204
    start = {"start": {"job_id": "j1", "current_tag": 0}}
    assert client("POST", "sessions/s1/action", start).status == 202
    assert client("GET", "").status in (200, 404)


def test_limit_is_checked_before_parameters(client: Client, running: Running) -> None:
    wrong = ("jobs?limit=0", "jobs?with_count=x", "jobs?marker=x", "jobs?search=x", "jobs?search=[]")
    for path in wrong:
        assert client("GET", path).status == 400
    running(*["jobs"] * 4)
    for path in wrong:
        assert client("GET", path).status == 429
    assert client("GET", "jobs", b"x" * (2 << 20)).status == 429


def test_failed_list_is_no_longer_counted_in_the_limit(client: Client, held: Held) -> None:
    held.error = RuntimeError()
    for _ in range(5):
        assert client("GET", "jobs?limit=0").status == 400
        assert client("GET", "jobs").status == 500
    held.error = None
    assert client("GET", "jobs").status == 200


def test_search_that_takes_too_long_is_503(
    conf: cfg.ConfigOpts, client: Client, held: Held, identity: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    """300 documents of 300 values times 100 pairs take every store longer than 1 ms, the shortest limit."""
    values = {f"x{number}": number for number in range(300)}
    for number in range(300):
        assert client("POST", "clients", {"client_id": f"node{number}", **values}).status == 201
    search = {"match_not": [{f"unknown{number}": number} for number in range(100)]}
    assert client("GET", "clients?with_count=true", search).json["count"] == 300
    conf.set_override("max_search_time", 1e-6, group="api")
    hasty = Client(app.build_standalone(conf, held), client.version, identity)
    answer = hasty("GET", "clients?with_count=true", search)
    text = "The search took longer than 1e-06 s, the limit set by [api] max_search_time. Search for less"
    assert answer.error == (503, "Service Unavailable", text)
    assert text in caplog.text
    assert hasty("GET", "clients/node1").status == 200


@pytest.mark.parametrize(("option", "seconds"), [(5.0, 5.0), (0.5, 0.5), (0.0, None)])
def test_search_gets_the_configured_time_limit(
    conf: cfg.ConfigOpts,
    repository: Repository,
    version: Version,
    identity: Identity,
    option: float,
    seconds: float | None,
) -> None:
    found: list[float | None] = []

    class Recording(Held):
        def search(self, *arguments: Any) -> Page:
            found.append(arguments[1].max_seconds)
            return super().search(*arguments)

    conf.set_override("max_search_time", option, group="api")
    client = Client(app.build_standalone(conf, Recording(repository)), version, identity)
    assert client("GET", "backups").status == 200
    assert found == [seconds]
