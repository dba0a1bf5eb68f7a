# SPDX-License-Identifier: Apache-2.0
"""Concurrent requests: a second request runs between the reads and the writes of the first.

The fixture ``disturbed`` determines when the second request runs; ``rival`` sends it to the same store.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from oslo_config import cfg

from freezer_api.repository.protocol import Repository
from tests.functional.client import NO_BODY, Answer, Client
from tests.functional.conftest import Identity, app
from tests.functional.versions import V1, Version, in_v2
from tests.support.disturbed import Disturbed

JOB = {"client_id": "node1", "job_actions": []}
BACKUP = {"freezer_action": {"action": "backup"}}


@pytest.fixture
def disturbed(repository: Repository) -> Disturbed:
    return Disturbed(repository)


@pytest.fixture
def client(conf: cfg.ConfigOpts, disturbed: Disturbed, version: Version, identity: Identity) -> Client:
    return Client(app.build_standalone(conf, disturbed), version, identity)


Rival = Callable[..., Callable[[], Answer]]


@pytest.fixture
def rival(conf: cfg.ConfigOpts, repository: Repository, version: Version, identity: Identity) -> Rival:
    """Return a function that prepares a request; calling its result sends the request, which has to succeed."""
    other = Client(app.build_standalone(conf, repository), version, identity)

    def later(method: str, path: str, body: Any = NO_BODY, *, by: str = "alice") -> Callable[[], Answer]:
        def ask() -> Answer:
            answer = other(method, path, body, by=by)
            assert answer.status < 300, answer
            return answer

        return ask

    for by in ("alice", "bob"):
        later("POST", "clients", {"client_id": JOB["client_id"]}, by=by)()
    return later


@pytest.fixture
def two_sessions(rival: Rival) -> None:
    for number in (1, 2):
        session = {"session_tag": number, "schedule": {"schedule_interval": f"{number} hours"}}
        rival("POST", f"sessions/s{number}", session)()
        rival("POST", f"jobs/j{number}", JOB)()


def _members(rival: Rival, session_id: str) -> set[str]:
    return set(rival("GET", f"sessions/{session_id}")().json["jobs"])


def _job(rival: Rival, job_id: str) -> dict[str, Any]:
    return rival("GET", f"jobs/{job_id}")().json


@pytest.mark.usefixtures("two_sessions")
class TestMembership:
    def test_session_deleted_after_a_join_releases_the_job(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        disturbed.after("replace", "sessions", rival("DELETE", "sessions/s1"))
        assert client("PUT", "sessions/s1/jobs/j1").status == 204
        assert not _job(rival, "j1").get("session_id")

    def test_join_is_404_if_the_session_is_deleted_meanwhile(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        disturbed.before("replace", "sessions", rival("DELETE", "sessions/s1"))
        assert client("PUT", "sessions/s1/jobs/j1").status == 404
        assert not _job(rival, "j1").get("session_id")

    def test_job_deleted_after_its_entry_was_written_leaves_no_entry(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        disturbed.after("replace", "sessions", rival("DELETE", "jobs/j1"))
        assert client("PUT", "sessions/s1/jobs/j1").status == 204
        assert _members(rival, "s1") == set()

    def test_join_is_404_if_the_job_is_deleted_meanwhile(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        disturbed.before("get", "jobs", rival("DELETE", "jobs/j1"), skip=1)
        answer = client("PUT", "sessions/s1/jobs/j1")
        assert answer.error == (404, "Not Found", "No document found with ID j1")
        assert _members(rival, "s1") == set()

    def test_job_removed_during_its_join_is_no_member(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        disturbed.after("replace", "sessions", rival("DELETE", "sessions/s1/jobs/j1"))
        assert client("PUT", "sessions/s1/jobs/j1").status == 204
        assert _members(rival, "s1") == set()
        assert _job(rival, "j1").get("session_id", "") == ""

    def test_job_that_joins_another_session_meanwhile_is_in_the_other(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        disturbed.after("replace", "sessions", rival("DELETE", "sessions/s1/jobs/j1"))
        disturbed.before("get", "jobs", rival("PUT", "sessions/s2/jobs/j1"), skip=2)
        assert client("PUT", "sessions/s1/jobs/j1").status == 204
        assert _members(rival, "s1") == set()
        assert _members(rival, "s2") == {"j1"}
        assert _job(rival, "j1")["session_id"] == "s2"

    @pytest.mark.parametrize(("one", "other"), [("s1", "s2"), ("s2", "s1")])
    @pytest.mark.parametrize("when", ["before", "after"])
    def test_job_that_joins_two_sessions_at_once_is_in_one_fault_78(
        self, client: Client, disturbed: Disturbed, rival: Rival, one: str, other: str, when: str
    ) -> None:
        getattr(disturbed, when)("replace", "sessions", rival("PUT", f"sessions/{other}/jobs/j1"))
        assert client("PUT", f"sessions/{one}/jobs/j1").status == 204
        holders = [session for session in ("s1", "s2") if "j1" in _members(rival, session)]
        job = _job(rival, "j1")
        assert holders == [job["session_id"]]
        assert job["job_schedule"]["schedule_interval"] == f"{holders[0][1]} hours"

    @pytest.mark.parametrize(("method", "kind", "skip"), [("replace", "sessions", 0), ("get", "jobs", 1)])
    def test_job_that_joins_again_during_its_removal_is_a_member(
        self, client: Client, disturbed: Disturbed, rival: Rival, method: str, kind: str, skip: int
    ) -> None:
        rival("PUT", "sessions/s1/jobs/j1")()
        disturbed.after(method, kind, rival("PUT", "sessions/s1/jobs/j1"), skip=skip)
        assert client("DELETE", "sessions/s1/jobs/j1").status == 204
        assert _members(rival, "s1") == {"j1"}
        assert _job(rival, "j1")["session_id"] == "s1"

    def test_later_of_two_joins_determines_the_session_of_the_job(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        disturbed.after("replace", "jobs", rival("PUT", "sessions/s2/jobs/j1"))
        assert client("PUT", "sessions/s1/jobs/j1").status == 204
        assert _members(rival, "s1") == set()
        assert _members(rival, "s2") == {"j1"}
        assert _job(rival, "j1")["session_id"] == "s2"

    @pytest.mark.parametrize(
        ("when", "method", "kind"),
        [("before", "replace", "sessions"), ("after", "replace", "sessions"), ("after", "replace", "jobs")],
    )
    def test_joining_job_gets_a_concurrently_changed_schedule_fault_89(
        self, client: Client, disturbed: Disturbed, rival: Rival, when: str, method: str, kind: str
    ) -> None:
        new = {"schedule": {"schedule_interval": "9 hours"}}
        getattr(disturbed, when)(method, kind, rival("PATCH", "sessions/s1", new))
        assert client("PUT", "sessions/s1/jobs/j1").status == 204
        assert _job(rival, "j1")["job_schedule"]["schedule_interval"] == "9 hours"

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_schedule_change_reaches_a_concurrently_joined_job_fault_89(
        self, client: Client, disturbed: Disturbed, rival: Rival, when: str
    ) -> None:
        getattr(disturbed, when)("replace", "sessions", rival("PUT", "sessions/s1/jobs/j1"))
        assert client("PATCH", "sessions/s1", {"schedule": {"schedule_interval": "9 hours"}}).status == 200
        assert _job(rival, "j1")["job_schedule"]["schedule_interval"] == "9 hours"

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_deleted_session_releases_a_concurrently_joined_job_fault_79(
        self, client: Client, disturbed: Disturbed, rival: Rival, when: str
    ) -> None:
        rival("PUT", "sessions/s1/jobs/j2")()
        happening = rival("PUT", "sessions/s1/jobs/j1") if when == "before" else rival("GET", "jobs")
        getattr(disturbed, when)("delete", "sessions", happening)
        assert client("DELETE", "sessions/s1").status == 204
        assert not _job(rival, "j1").get("session_id")
        assert not _job(rival, "j2").get("session_id")

    def test_job_deleted_during_its_join_is_no_member_fault_79(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        disturbed.before("delete", "jobs", rival("PUT", "sessions/s1/jobs/j1"))
        assert client("DELETE", "jobs/j1").status == 204
        assert _members(rival, "s1") == set()

    def test_two_jobs_that_join_concurrently_are_members_fault_70(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        disturbed.before("replace", "sessions", rival("PUT", "sessions/s1/jobs/j2"))
        assert client("PUT", "sessions/s1/jobs/j1").status == 204
        assert _members(rival, "s1") == {"j1", "j2"}

    def test_two_concurrent_starts_raise_the_tag_once_fault_69(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        for job_id in ("j1", "j2"):
            rival("PUT", f"sessions/s1/jobs/{job_id}")()
        start = {"start": {"job_id": "j2", "current_tag": 1}}
        disturbed.before("replace", "sessions", rival("POST", "sessions/s1/action", start))
        answer = client("POST", "sessions/s1/action", {"start": {"job_id": "j1", "current_tag": 1}})
        assert answer.json == {"result": "success", "session_tag": 2}
        session = rival("GET", "sessions/s1")().json
        assert [session["jobs"][job_id]["status"] for job_id in ("j1", "j2")] == ["running", "running"]


WANTED = {**JOB, "job_actions": [{**BACKUP, "action_id": "a1"}, {"freezer_action": {"action": "exec"}}]}


class TestJobActions:
    """Another request creates or deletes an action after the actions of a job were planned."""

    def _create(self, client: Client, rival: Rival) -> list[str]:
        answer = client("POST", "jobs/j1", WANTED)
        assert answer.status == 201
        items = _job(rival, "j1")["job_actions"]
        assert [item["freezer_action"] for item in items] == [{"action": "backup"}, {"action": "exec"}]
        assert {item["user_id"] for item in items} == {"alice"}
        for item in items:
            action = rival("GET", f"actions/{item['action_id']}")().json
            assert action["freezer_action"] == item["freezer_action"]
        return [item["action_id"] for item in items]

    def test_equal_action_is_shared(self, client: Client, disturbed: Disturbed, rival: Rival) -> None:
        disturbed.before("create", "actions", rival("POST", "actions/a1", BACKUP))
        assert self._create(client, rival)[0] == "a1"

    def test_different_action_gets_a_new_id(self, client: Client, disturbed: Disturbed, rival: Rival) -> None:
        other = {"freezer_action": {"action": "restore"}}
        disturbed.before("create", "actions", rival("POST", "actions/a1", other))
        assert self._create(client, rival)[0] != "a1"

    def test_action_of_another_user_gets_a_new_id(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        disturbed.before("create", "actions", rival("POST", "actions/a1", BACKUP, by="bob"))
        assert self._create(client, rival)[0] != "a1"
        assert rival("GET", "actions/a1", by="bob")().json["user_id"] == "bob"

    def test_job_keeps_an_action_that_is_deleted_meanwhile(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        rival("POST", "actions/a1", BACKUP)()
        disturbed.before("create", "jobs", rival("DELETE", "actions/a1"))
        assert client("POST", "jobs/j1", {**JOB, "job_actions": [{"action_id": "a1"}]}).status == 201
        assert _job(rival, "j1")["job_actions"][0]["freezer_action"] == {"action": "backup"}

    def test_job_deleted_during_a_patch_leaves_no_new_actions_fault_40(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        rival("POST", "jobs/j1", JOB)()
        disturbed.before("create", "actions", rival("DELETE", "jobs/j1"))
        assert client("PATCH", "jobs/j1", {"job_actions": WANTED["job_actions"]}).status == 404
        assert rival("GET", "actions")().json["actions"] == []


class TestOneDocument:
    def test_concurrent_creation_of_a_job_becomes_a_replacement(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        disturbed.before("create", "jobs", rival("POST", "jobs/j1", JOB))
        answer = client("POST", "jobs/j1", {**JOB, "description": "mine"})
        assert (answer.status, answer.json) == (201, {"job_id": "j1", "version": 2})
        assert _job(rival, "j1")["description"] == "mine"

    def test_job_id_taken_by_another_user_is_409(self, client: Client, disturbed: Disturbed, rival: Rival) -> None:
        disturbed.before("create", "jobs", rival("POST", "jobs/j1", JOB, by="bob"))
        answer = client("POST", "jobs/j1", {**JOB, "job_actions": [BACKUP]})
        assert answer.error == (409, "Document already existing", "Job already registered with ID j1")
        assert rival("GET", "actions")().json["actions"] == []

    def test_action_id_taken_by_another_user_is_409(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        disturbed.before("create", "actions", rival("POST", "actions/a1", BACKUP, by="bob"))
        answer = client("POST", "actions", {"action_id": "a1", **BACKUP})
        assert answer.error == (409, "Document already existing", "Action already registered with ID a1")

    def test_one_of_two_concurrent_registrations_is_409_fault_63(
        self, client: Client, disturbed: Disturbed, rival: Rival, version: Version
    ) -> None:
        disturbed.before("create", "clients", rival("POST", "clients", {"client_id": "node2"}))
        answer = client("POST", "clients", {"client_id": "node2", "description": "the later one"})
        clients = rival("GET", "clients", {"match": [{"client_id": "node2"}]})().json["clients"]
        if version is V1:
            assert answer.error == (409, "Document already existing", "Client already registered with ID node2")
            assert [client["client"].get("description") for client in clients] == [None]
        else:
            assert answer.status == 201
            assert [client["client"]["description"] for client in clients] == ["the later one"]

    def test_event_keeps_concurrent_patch_fault_47(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        rival("POST", "jobs/j1", JOB)()
        patch = {"description": "mine", "job_schedule": {"status": "running", "current_pid": 7}}
        disturbed.before("replace", "jobs", rival("PATCH", "jobs/j1", patch))
        assert client("POST", "jobs/j1/event", {"abort": None}).status == 202
        job = _job(rival, "j1")
        assert job["description"] == "mine"
        assert job["_version"] == 3
        schedule = job["job_schedule"]
        assert (schedule["event"], schedule["status"], schedule["current_pid"]) == ("abort", "running", 7)

    def test_concurrent_equal_events_write_once(self, client: Client, disturbed: Disturbed, rival: Rival) -> None:
        rival("POST", "jobs/j1", JOB)()
        disturbed.before("replace", "jobs", rival("POST", "jobs/j1/event", {"stop": None}))
        assert client("POST", "jobs/j1/event", {"stop": None}).json == {"result": "stop already requested"}
        assert _job(rival, "j1")["_version"] == 2

    def test_concurrent_patches_are_merged(self, client: Client, disturbed: Disturbed, rival: Rival) -> None:
        rival("POST", "jobs/j1", JOB)()
        disturbed.before("replace", "jobs", rival("PATCH", "jobs/j1", {"description": "of the rival"}))
        assert client("PATCH", "jobs/j1", {"session_name": "mine"}).json == {"job_id": "j1", "version": 3}
        job = _job(rival, "j1")
        assert (job["description"], job["session_name"]) == ("of the rival", "mine")

    def test_replacement_overwrites_concurrent_patch(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        rival("POST", "actions/a1", BACKUP)()
        disturbed.before("replace", "actions", rival("PATCH", "actions/a1", {"max_retries": 3}))
        other = {"freezer_action": {"action": "exec"}}
        assert client("POST", "actions/a1", other).json == {"action_id": "a1", "version": 3}
        action = rival("GET", "actions/a1")().json
        assert (action["freezer_action"], action["_version"]) == (other["freezer_action"], 3)
        assert action.get("max_retries") != 3

    def test_patch_of_concurrently_deleted_job_is_404(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        rival("POST", "jobs/j1", JOB)()
        disturbed.before("replace", "jobs", rival("DELETE", "jobs/j1"))
        assert client("PATCH", "jobs/j1", {"description": "mine"}).status == 404

    def test_deletion_of_a_concurrently_patched_job_succeeds(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        disturbed.before("delete", "clients", rival("PATCH", "clients/node1", {"description": "d"}))
        assert client("DELETE", "clients/node1").status == 204
        assert rival("GET", "clients")().json["clients"] == []

    def test_concurrent_deletions_are_204(self, client: Client, disturbed: Disturbed, rival: Rival) -> None:
        disturbed.before("delete", "clients", rival("DELETE", "clients/node1"))
        assert client("DELETE", "clients/node1").status == 204

    @in_v2
    def test_concurrent_patches_of_a_backup_are_merged_fault_102(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        backup = {"container": "c", "hostname": "h", "backup_name": "b"}
        id_ = rival("POST", "backups", backup)().json["backup_id"]
        disturbed.before(
            "replace", "backups", rival("PATCH", f"backups/{id_}", {"backup_metadata": {"of": "rival"}})
        )
        answer = client("PATCH", f"backups/{id_}", {"status": "error", "backup_metadata": {"mine": 1}})
        assert answer.json["backup_metadata"] == {**backup, "of": "rival", "mine": 1}
        assert (answer.json["status"], answer.json["_version"]) == ("error", 3)


SCHEDULER = "scheduler@services service,member"


@in_v2
class TestCentralClients:
    """Concurrent registrations of central clients."""

    CENTRAL: ClassVar = {"client_id": "all", "is_central": True}

    def test_registration_is_409_if_another_project_registers_first(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        disturbed.before("create", "clients", rival("POST", "clients", self.CENTRAL, by="root@other admin"))
        answer = client("POST", "clients", self.CENTRAL, by=SCHEDULER)
        assert answer.error[::2] == (409, "Client all is already registered by another project")
        assert client("GET", "clients/all").json["project_id"] == "other"

    def test_two_concurrent_registrations_of_a_project_are_one_client(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        disturbed.before("create", "clients", rival("POST", "clients", self.CENTRAL, by=SCHEDULER))
        assert client("POST", "clients", {**self.CENTRAL, "description": "d"}, by=SCHEDULER).status == 201
        (known,) = client("GET", "clients", {"match": [{"client_id": "all"}]}).json["clients"]
        assert known["client"]["description"] == "d"

    def test_central_registration_replaces_a_concurrent_ordinary_one(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        ordinary = {"client_id": "all", "description": "d"}
        disturbed.before("create", "clients", rival("POST", "clients", ordinary, by=SCHEDULER))
        assert client("POST", "clients", self.CENTRAL, by=SCHEDULER).status == 201
        assert client("POST", "clients", self.CENTRAL, by=SCHEDULER).status == 201
        found = client("GET", "clients", {"match": [{"client_id": "all"}]}, by=SCHEDULER).json["clients"]
        assert [known["client"]["is_central"] for known in found] == [True]

    def test_client_patched_while_it_becomes_central_is_central(
        self, client: Client, disturbed: Disturbed, rival: Rival
    ) -> None:
        rival("POST", "clients", {"client_id": "all"}, by=SCHEDULER)()
        changed = {"client_id": "all", "description": "d"}
        disturbed.before("delete", "clients", rival("PATCH", "clients/all", changed, by=SCHEDULER))
        assert client("POST", "clients", self.CENTRAL, by=SCHEDULER).status == 201
        found = client("GET", "clients", {"match": [{"client_id": "all"}]}, by=SCHEDULER).json["clients"]
        assert [known["client"]["is_central"] for known in found] == [True]
