# SPDX-License-Identifier: Apache-2.0
"""Sessions and jobs after a request was interrupted between two writes, and entries of jobs that never joined.

See ``freezer_api/operations/membership.py``.
"""

import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from oslo_config import cfg

from freezer_api.documents.jobs import JOBS, PENDING
from freezer_api.documents.search_index import as_value
from freezer_api.documents.sessions import SESSIONS
from freezer_api.operations.membership import Membership
from freezer_api.repository.protocol import Repository
from freezer_api.repository.query import Is, Query
from tests.functional.client import NO_BODY, Answer, Client
from tests.functional.conftest import Identity, app
from tests.functional.versions import V1, Version, in_v1
from tests.support.disturbed import Disturbed, Killed, cut, killed

JOB = {"client_id": "node1", "job_actions": [], "job_schedule": {"schedule_interval": "5 minutes"}}
SESSION = {"session_tag": 3, "schedule": {"schedule_interval": "1 hours"}}
NIGHTLY = {"schedule": {"schedule_hour": "3"}}

JOIN, MOVE = ("PUT", "sessions/s1/jobs/j1"), ("PUT", "sessions/s2/jobs/j1")
REQUESTS = {
    "join": ([], JOIN),
    "move": ([JOIN], MOVE),
    "remove": ([JOIN], ("DELETE", "sessions/s1/jobs/j1")),
    "replace the job": ([JOIN], ("POST", "jobs/j1", JOB)),
    "delete the job": ([JOIN], ("DELETE", "jobs/j1")),
    "delete the session": ([JOIN], ("DELETE", "sessions/s1")),
    "replace the session": ([JOIN], ("POST", "sessions/s1", SESSION)),
}
"""Requests that change a membership, each with the requests before it."""

START = {"start": {"job_id": "j1", "current_tag": 3}}
NEXT = {
    "PATCH of the job": [("PATCH", "jobs/j1", {"description": "next"})],
    "event": [("POST", "jobs/j1/event", {"stop": None})],
    "event that is requested already": [("POST", "jobs/j1/event", {"abort": None})],
    "PATCH of the sessions": [
        ("PATCH", "sessions/s1", {"description": "next"}),
        ("PATCH", "sessions/s2", {"description": "next"}),
    ],
    "session actions": [("POST", "sessions/s1/action", START), ("POST", "sessions/s2/action", START)],
    "PUT": [("PUT", "sessions/s3/jobs/j1")],
    "replacement of the job": [("POST", "jobs/j1", JOB)],
    "deletion of the sessions": [("DELETE", "sessions/s1"), ("DELETE", "sessions/s2")],
    "deletion of the job": [("DELETE", "jobs/j1")],
}
"""Requests of which each completes an interrupted change of membership."""
OFTEN = ("PATCH of the job", "PATCH of the sessions", "session actions")


class Service:
    """A service with its own store, which has one job and three sessions."""

    def __init__(self, conf: cfg.ConfigOpts, store: Repository, version: Version, identity: Identity) -> None:
        self.store = store
        self.disturbed = Disturbed(store)
        self._client = Client(app.build_standalone(conf, self.disturbed), version, identity)
        self.done("POST", "clients", {"client_id": "node1"})
        self.done("POST", "jobs/j1", JOB)
        self.done("POST", "jobs/j1/event", {"abort": None})
        for number in (1, 2, 3):
            self.done("POST", f"sessions/s{number}", SESSION)

    def ask(self, method: str, path: str, body: Any = NO_BODY, by: str = "alice") -> Answer:
        return self._client(method, path, body, by=by)

    def done(self, method: str, path: str, body: Any = NO_BODY, by: str = "alice") -> None:
        assert self.ask(method, path, body, by=by).status < 300

    def memberships(self) -> tuple[list[str], list[str]]:
        """Return the ids of the sessions with an entry of the job, and the job's ``session_id``."""
        answers = [self.ask("GET", f"sessions/s{number}") for number in (1, 2, 3)]
        holders = [answer.json["session_id"] for answer in answers if "j1" in answer.json.get("jobs", ())]
        named = self.ask("GET", "jobs/j1").json.get("session_id")
        return holders, [named] if named else []


Services = Callable[[], Service]


@pytest.fixture
def services(
    conf: cfg.ConfigOpts, fresh_store: Callable[[], Repository], version: Version, identity: Identity
) -> Services:
    return lambda: Service(conf, fresh_store(), version, identity)


def _interrupted(services: Services, name: str) -> Iterator[Service]:
    """Yield services in which the request was interrupted before or after one of its writes."""
    earlier, request = REQUESTS[name]
    count = 0
    for planned in ("before", "after"):
        skip = 0
        while True:
            service = services()
            for one in earlier:
                service.done(*one)
            plan = service.disturbed.before if planned == "before" else service.disturbed.after
            plan("write", "*", cut if planned == "before" else killed, skip=skip)
            try:
                if service.ask(*request).status < 300:
                    break
            except Killed:
                pass
            count += 1
            yield service
            skip += 1
    assert count >= 4, "a request of one write needs no test"


@in_v1
@pytest.mark.parametrize(
    "then", [name if name in OFTEN else pytest.param(name, marks=pytest.mark.slow) for name in NEXT]
)
@pytest.mark.parametrize("name", REQUESTS)
def test_next_change_completes_interrupted_membership(services: Services, name: str, then: str) -> None:
    for service in _interrupted(services, name):
        for request in NEXT[then]:
            service.ask(*request)
        holders, named = service.memberships()
        assert holders == named


@in_v1
@pytest.mark.parametrize("name", REQUESTS)
def test_sync_completes_interrupted_membership(services: Services, name: str) -> None:
    for service in _interrupted(services, name):
        Membership(service.store, lambda: 0).complete_all()
        holders, named = service.memberships()
        assert holders == named


def test_sync_completes_any_number_of_memberships(repository: Repository) -> None:
    for number in range(101):
        job = {"job_id": f"j{number}", "user_id": "u", "session_id": "gone", PENDING: ["gone"]}
        repository.create(JOBS, f"j{number}", job)
    Membership(repository, lambda: 0).complete_all()
    found = repository.search(JOBS, Query((Is(("session_id",), as_value("gone")),)))
    assert found.items == []


@in_v1
@pytest.mark.soak
def test_next_change_completes_several_interrupted_requests(
    conf: cfg.ConfigOpts, fresh_store: Callable[[], Repository], version: Version, identity: Identity
) -> None:
    store = fresh_store()
    service = Service(conf, store, version, identity)
    requests = [
        *(("PUT", f"sessions/s{number}/jobs/j1") for number in (1, 2, 3)),
        *(("DELETE", f"sessions/s{number}/jobs/j1") for number in (1, 2, 3)),
    ]
    chance = random.Random(29)
    for number in range(int(os.environ.get("SOAK_ROUNDS", "3"))):
        failing = Disturbed(store)
        client = Client(app.build_standalone(conf, failing), version, identity)
        for planned in (failing.before, failing.after):
            planned("write", "*", cut, skip=chance.randrange(8), times=2)
        asked = [chance.choice(requests) for _ in range(4)]
        with ThreadPoolExecutor(len(asked)) as threads:
            answers = [threads.submit(client, *request) for request in asked]
        assert {answer.result().status for answer in answers} <= {204, 503}
        service.done("PATCH", "jobs/j1", {"description": str(number)})
        holders, named = service.memberships()
        assert holders == named, number


def test_reads_change_nothing(services: Services) -> None:
    for service in _interrupted(services, "move"):
        writes = service.disturbed.writes
        service.memberships()
        service.ask("GET", "sessions")
        service.ask("GET", "jobs")
        assert service.disturbed.writes == writes


def test_acknowledged_join_survives_patch_of_older_state(services: Services) -> None:
    service = services()
    patch = ("PATCH", "jobs/j1", {"session_id": "", "session_tag": 0})
    service.disturbed.after("replace", "jobs", lambda: service.done(*patch))
    service.done(*JOIN)
    assert service.memberships() == (["s1"], ["s1"])


def test_join_of_deleted_job_leaves_no_entry(services: Services) -> None:
    service = services()
    service.disturbed.after("replace", "sessions", lambda: service.done("DELETE", "jobs/j1"))
    service.done(*JOIN)
    assert service.memberships() == ([], [])


def test_removal_clears_session_id_that_a_late_patch_restored(services: Services) -> None:
    service = services()
    service.done(*JOIN)
    patch = ("PATCH", "jobs/j1", {"session_id": "s1", "session_tag": 3})
    service.disturbed.after("replace", "sessions", lambda: service.done(*patch))
    service.done("DELETE", "sessions/s1/jobs/j1")
    assert service.memberships() == ([], [])


def test_removal_keeps_job_that_joined_again_and_was_patched(services: Services) -> None:
    service = services()
    service.done(*JOIN)

    def rejoin() -> None:
        service.done(*JOIN)
        service.done("PATCH", "jobs/j1", {"description": "next"})

    service.disturbed.after("replace", "sessions", rejoin)
    service.done("DELETE", "sessions/s1/jobs/j1")
    assert service.memberships() == (["s1"], ["s1"])


def test_join_of_deleted_session_releases_job(services: Services) -> None:
    service = services()
    service.disturbed.after("replace", "jobs", lambda: service.done("DELETE", "sessions/s1"))
    service.ask(*JOIN)
    assert service.memberships() == ([], [])


def test_join_follows_schedule_that_changes_meanwhile(services: Services) -> None:
    service = services()
    service.disturbed.after("replace", "jobs", lambda: service.done("PATCH", "sessions/s1", NIGHTLY))
    service.done(*JOIN)
    assert service.ask("GET", "jobs/j1").json["job_schedule"]["schedule_hour"] == "3"


def test_interrupted_join_of_deleted_session_releases_job(services: Services) -> None:
    service = services()
    service.disturbed.after("replace", "jobs", killed)
    with pytest.raises(Killed):
        service.ask(*JOIN)
    session = service.store.get(SESSIONS, "s1")
    assert session is not None
    service.store.delete(SESSIONS, "s1", session.token)
    service.done("PATCH", "jobs/j1", {"description": "next"})
    assert service.memberships() == ([], [])


def test_schedule_change_reads_only_jobs_that_name_the_session(services: Services) -> None:
    service = services()
    service.done(*JOIN)
    invented = {f"invented-{number}": {} for number in range(500)}
    service.done("PATCH", "sessions/s1", {"jobs": invented})
    calls: list[str] = []
    for method in ("get", "search", "write"):
        service.disturbed.before(method, "jobs", lambda name=method: calls.append(name), times=1_000_000)
    service.done("PATCH", "sessions/s1", NIGHTLY)
    assert len(calls) < 10
    assert service.ask("GET", "jobs/j1").json["job_schedule"]["schedule_hour"] == "3"
    calls.clear()
    service.done("DELETE", "sessions/s1")
    assert len(calls) < 10


@in_v1
@pytest.mark.parametrize("invented", [["s1"], ["s1", "s2"]])
@pytest.mark.parametrize("joined", [False, True])
def test_removal_of_entry_without_a_join_changes_only_the_session(
    services: Services, invented: list[str], joined: bool
) -> None:
    service = services()
    service.done("POST", "jobs/other", JOB, by="bob")
    if joined:
        service.done("POST", "sessions/bobs", SESSION, by="bob")
        service.done("PUT", "sessions/bobs/jobs/other", by="bob")
    before = service.ask("GET", "jobs/other", by="bob").json
    for session_id in invented:
        service.done("PATCH", f"sessions/{session_id}", {"jobs": {"other": {}}, **NIGHTLY})
    service.done("DELETE", "sessions/s1/jobs/other")
    assert service.ask("GET", "sessions/s1").json["jobs"] == {}
    service.done("PATCH", "sessions/s2", {"description": "next"})
    service.done("DELETE", "sessions/s2")
    assert service.ask("GET", "jobs/other", by="bob").json == before


def test_removal_stops_own_job_that_names_no_session(services: Services) -> None:
    service = services()
    service.done("PATCH", "sessions/s1", {"jobs": {"j1": {}}})
    service.done("DELETE", "sessions/s1/jobs/j1")
    assert service.memberships() == ([], [])
    assert service.ask("GET", "jobs/j1").json["job_schedule"]["event"] == "stop"


def test_removal_keeps_job_that_names_another_session(services: Services) -> None:
    service = services()
    service.done(*MOVE)
    service.done("PATCH", "sessions/s1", {"jobs": {"j1": {}}})
    before = service.ask("GET", "jobs/j1").json
    service.done("DELETE", "sessions/s1/jobs/j1")
    assert service.memberships() == (["s2"], ["s2"])
    assert service.ask("GET", "jobs/j1").json == before


def test_session_id_in_body_changes_no_membership(services: Services) -> None:
    service = services()
    service.done(*JOIN)
    service.done("DELETE", "sessions/s1/jobs/j1")
    service.done("PATCH", "jobs/j1", {"session_id": "s1"})
    service.done("POST", "jobs/j1/event", {"start": None})
    service.done("PATCH", "sessions/s1", {"description": "next"})
    assert service.memberships() == ([], ["s1"])
    service.done("POST", "jobs/j1", {**JOB, "session_id": "s2"})
    service.done("PATCH", "jobs/j1", {"description": "next"})
    assert service.memberships() == ([], ["s2"])


def test_pending_memberships_are_not_shown(services: Services, version: Version) -> None:
    service = services()
    service.done(*JOIN)
    answer = service.ask("GET", "jobs/j1")
    assert not [name for name in answer.json if name.startswith("_") and name != "_version"]
    found = service.ask("GET", "jobs", {"match": [{"_membership_pending": "s1"}]})
    assert found.json == {"jobs": []}
    assert version is not V1 or answer.json["_version"] == 3
