# SPDX-License-Identifier: Apache-2.0
"""An interrupted request that is repeated has the same result as one that was not interrupted.

Each request that changes several documents is interrupted at each of its writes in turn: by the end of the
process, or by a connection that is lost before or after the write.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest
from oslo_config import cfg

from freezer_api.documents.actions import ACTIONS
from freezer_api.documents.clients import CLIENTS
from freezer_api.documents.jobs import JOBS
from freezer_api.documents.kind import Kind
from freezer_api.documents.sessions import SESSIONS
from freezer_api.repository.protocol import Repository
from freezer_api.repository.query import Query
from tests.functional.client import NO_BODY, Client
from tests.functional.conftest import Identity, app
from tests.functional.versions import Version, in_v2
from tests.support.disturbed import Disturbed, Killed, cut, killed

JOB = {"client_id": "node1", "job_actions": [], "job_schedule": {"schedule_interval": "5 minutes"}}
TWO_ACTIONS = [
    {"action_id": "a1", "freezer_action": {"action": "backup"}},
    {"action_id": "a2", "freezer_action": {"action": "exec"}},
]
HOURLY = {"schedule_interval": "1 hours"}

MEMBERS = [
    ("POST", "sessions/s1", {"session_tag": 3, "schedule": HOURLY}),
    ("POST", "sessions/s2", {"session_tag": 4, "schedule": {"schedule_interval": "2 hours"}}),
    ("POST", "jobs/j1", JOB),
    ("POST", "jobs/j2", JOB),
    ("PUT", "sessions/s1/jobs/j1"),
    ("PUT", "sessions/s1/jobs/j2"),
    ("POST", "sessions/s1/action", {"start": {"job_id": "j2", "current_tag": 3}}),
    ("POST", "sessions/s1/action", {"end": {"job_id": "j2", "current_tag": 4, "result": "success"}}),
]


class Change(NamedTuple):
    """A request of the user ``by``, and the requests that have to precede it."""

    request: tuple[Any, ...]
    earlier: Sequence[tuple[Any, ...]] = ()
    by: str = "alice"


SCHEDULER = "scheduler@services service,member"

CHANGES = {
    "a job with actions is created": Change(("POST", "jobs/j1", {**JOB, "job_actions": TWO_ACTIONS})),
    "a job gets other actions": Change(
        ("PATCH", "jobs/j1", {"job_actions": TWO_ACTIONS, "description": "new"}),
        [("POST", "jobs/j1", JOB)],
    ),
    "a member job is deleted": Change(("DELETE", "jobs/j1"), MEMBERS),
    "a member job is replaced and leaves": Change(
        ("POST", "jobs/j1", {**JOB, "job_actions": TWO_ACTIONS}),
        MEMBERS,
    ),
    "a job joins": Change(("PUT", "sessions/s1/jobs/j1"), MEMBERS[:4]),
    "a job moves": Change(("PUT", "sessions/s2/jobs/j1"), MEMBERS),
    "a job is removed": Change(("DELETE", "sessions/s1/jobs/j1"), MEMBERS),
    "a session is deleted": Change(("DELETE", "sessions/s1"), MEMBERS),
    "a session gets another schedule": Change(
        ("PATCH", "sessions/s1", {"schedule": {"schedule_interval": "3 hours"}, "description": "new"}),
        MEMBERS,
    ),
    "a session is replaced without its members": Change(
        ("POST", "sessions/s1", {"session_tag": 3, "schedule": {"schedule_hour": "3"}, "jobs": {"j2": {}}}),
        MEMBERS,
    ),
}
CHANGES_OF_V2 = {
    "a client becomes one of all projects": Change(
        ("POST", "clients", {"client_id": "all", "is_central": True}),
        [("POST", "clients", {"client_id": "all", "uuid": "u1", "description": "d"})],
        by=SCHEDULER,
    ),
}


class World:
    """A service with its own store."""

    def __init__(self, conf: cfg.ConfigOpts, store: Repository, version: Version, identity: Identity) -> None:
        self._store = store
        self.disturbed = Disturbed(self._store)
        self.client = Client(app.build_standalone(conf, self.disturbed), version, identity)
        assert self.ask("POST", "clients", {"client_id": "node1", "uuid": "u"}) == 201

    def ask(self, method: str, path: str, body: Any = NO_BODY, by: str = "alice") -> int:
        return self.client(method, path, body, by=by).status

    def state(self) -> Any:
        """All documents as they are stored, without their current times."""
        return {kind.name: self._documents(kind) for kind in (JOBS, SESSIONS, ACTIONS, CLIENTS)}

    def _documents(self, kind: Kind) -> list[str]:
        return sorted(_timeless(stored.document) for stored in self._store.search(kind, Query(limit=100)).items)


def _timeless(document: dict[str, Any]) -> str:
    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return "today" if isinstance(value, int) and value > 1_000_000_000 else value

    return json.dumps(plain(document), sort_keys=True)


Worlds = Callable[[Change], World]


@pytest.fixture
def worlds(
    conf: cfg.ConfigOpts, fresh_store: Callable[[], Repository], version: Version, identity: Identity
) -> Worlds:
    """Return a function that creates a service and sends the requests that precede a change."""

    def make(change: Change) -> World:
        world = World(conf, fresh_store(), version, identity)
        for request in change.earlier:
            assert world.ask(*request, by=change.by) < 300
        return world

    return make


ENDINGS = ("killed after", "cut after", "cut before")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", CHANGES)
def test_repeated_request_completes_the_interrupted_one(worlds: Worlds, name: str, ending: str) -> None:
    _is_completed(worlds, CHANGES[name], ending)


@in_v2
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", CHANGES_OF_V2)
def test_repeated_request_completes_interrupted_one_in_v2(worlds: Worlds, name: str, ending: str) -> None:
    _is_completed(worlds, CHANGES_OF_V2[name], ending)


def _is_completed(worlds: Worlds, change: Change, ending: str) -> None:
    undisturbed = worlds(change)
    already = undisturbed.disturbed.writes
    assert undisturbed.ask(*change.request, by=change.by) < 300
    writes = undisturbed.disturbed.writes - already
    expected = undisturbed.state()
    assert writes > 1, "a change of one document needs no test"
    for number in range(writes):
        world = worlds(change)
        happening = killed if ending == "killed after" else cut
        plan = world.disturbed.before if ending == "cut before" else world.disturbed.after
        plan("write", "*", happening, skip=number)
        if happening is killed:
            with pytest.raises(Killed):
                world.ask(*change.request, by=change.by)
        else:
            world.ask(*change.request, by=change.by)
        assert world.ask(*change.request, by=change.by) < 300
        assert world.state() == expected, f"after write {number + 1} of {writes}"


def test_failed_job_write_removes_its_actions_fault_40(worlds: Worlds) -> None:
    change = CHANGES["a job with actions is created"]
    world = worlds(change)
    world.disturbed.before("create", "jobs", cut)
    assert world.ask(*change.request) == 503
    assert {**world.state(), "clients": []} == {"jobs": [], "sessions": [], "actions": [], "clients": []}


def test_job_whose_response_was_lost_keeps_its_actions(worlds: Worlds) -> None:
    change = CHANGES["a job with actions is created"]
    world = worlds(change)
    world.disturbed.after("create", "jobs", cut)
    assert world.ask(*change.request) == 503
    assert len(world.state()["actions"]) == 2
    assert len(world.state()["jobs"]) == 1


def test_actions_remain_if_the_store_stays_unreachable(worlds: Worlds) -> None:
    change = CHANGES["a job with actions is created"]
    world = worlds(change)
    world.disturbed.before("create", "jobs", cut)
    world.disturbed.before("delete", "actions", cut)
    assert world.ask(*change.request) == 503
    assert len(world.state()["actions"]) == 2
    assert world.ask(*change.request) == 201
    assert len(world.state()["actions"]) == 2


def test_repeated_creation_uses_the_same_actions(worlds: Worlds) -> None:
    request = ("POST", "jobs", {**JOB, "job_actions": TWO_ACTIONS})
    world = worlds(Change(request))
    world.disturbed.after("create_all", "actions", killed)
    with pytest.raises(Killed):
        world.ask(*request)
    assert len(world.state()["actions"]) == 2
    assert world.ask(*request) == 201
    assert len(world.state()["jobs"]) == 1
    assert len(world.state()["actions"]) == 2
