# SPDX-License-Identifier: Apache-2.0
"""Trusts of the jobs that central clients run, created by a real Keystone."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from oslo_config import cfg

from freezer_api.conf import opts
from freezer_api.errors import Conflict
from freezer_api.repository.protocol import Repository
from freezer_api.repository.sql.sqlite import SQLiteRepository
from tests.functional.client import Client
from tests.functional.conftest import app
from tests.functional.versions import V1, V2
from tests.keystone.conftest import OURS
from tests.support.disturbed import Disturbed, Killed, cut, killed
from tests.support.embedded import make_file
from tests.support.keystone import Keystone

SCHEDULER = "scheduler@services service,member"
ALICE, BOB = "alice@trusting", "bob@trusting"
BACKUP = [{"action_id": "a1", "freezer_action": {"action": "backup"}}]
JOB = {"client_id": "central", "job_actions": BACKUP}

Trust = dict[str, Any]
Speak = Callable[..., Client]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Repository]:
    path = tmp_path / "freezer.sqlite"
    make_file(path)
    repository = SQLiteRepository(path)
    yield repository
    repository.close()


@pytest.fixture
def disturbed(store: Repository) -> Disturbed:
    return Disturbed(store)


@pytest.fixture
def speak(keystone: Keystone, disturbed: Disturbed, identity: Any, tmp_path: Path) -> Speak:
    """Return a function that returns a client of a service with these ``[centralized_scheduler]`` options."""

    def spoken(*options: str, more: str = "", version: Any = V2) -> Client:
        path = tmp_path / "freezer-api.conf"
        path.write_text(
            f"[paste_deploy]\nconfig_file = {OURS}\n{keystone.section()}\n"
            "[centralized_scheduler]\n" + "\n".join(options) + f"\n{more}\n"
        )
        conf = cfg.ConfigOpts()
        opts.register(conf)
        conf(["--config-file", str(path)], project="freezer")
        by_id = replace(version, id_of=keystone.project)
        return Client(app.build(conf, disturbed).app, by_id, identity)

    return spoken


@pytest.fixture
def client(speak: Speak) -> Client:
    """Return a client of the service after registering a central client and an ordinary one."""
    client = speak()
    _register(client)
    return client


def _register(client: Client) -> None:
    assert client("POST", "clients", {"client_id": "central", "is_central": True}, by=SCHEDULER).status == 201
    assert client("POST", "clients", {"client_id": "node1"}, by=ALICE).status == 201


@pytest.fixture
def trusts(keystone: Keystone) -> Iterator[Callable[[str], dict[str, Trust]]]:
    """Return a function that returns the trusts of a user by id. All trusts are deleted after the test."""
    asked = set()

    def found(user: str) -> dict[str, Trust]:
        asked.add(user)
        token = keystone.token(user, "trusting", "member")
        path = f"/OS-TRUST/trusts?trustor_user_id={keystone.user(user)}"
        listed = keystone.ask("GET", path, token=token)["trusts"]
        return {
            trust["id"]: keystone.ask("GET", f"/OS-TRUST/trusts/{trust['id']}", token=token)["trust"]
            for trust in listed
            # Skip trusts of a user to themselves, which ``short_token`` creates for other tests.
            if trust["trustee_user_id"] != trust["trustor_user_id"]
        }

    def end(user: str) -> None:
        for id_ in found(user):
            keystone.ask("DELETE", f"/OS-TRUST/trusts/{id_}", token=keystone.token(user, "trusting", "member"))

    for user in ("alice", "bob"):
        end(user)
    yield found
    for user in asked:
        end(user)


def _create(client: Client, by: str = ALICE, **changes: Any) -> str:
    answer = client("POST", "jobs", JOB | changes, by=by)
    assert answer.status == 201, answer
    return str(answer.json["job_id"])


def _trust(client: Client, job_id: str, by: str = ALICE) -> str | None:
    job = client("GET", f"jobs/{job_id}", by=by).json
    return job.get("user_credentials", {}).get("trust_id")


def test_job_of_a_central_client_has_a_trust_of_its_creator(
    client: Client, keystone: Keystone, trusts: Any
) -> None:
    job_id = _create(client, user_credentials={"trust_id": "mine", "trustor_user_id": "me"})
    ((id_, trust),) = trusts("alice").items()
    job = client("GET", f"jobs/{job_id}", by=ALICE).json
    assert job["user_credentials"] == {"trust_id": id_, "trustor_user_id": keystone.user("alice")}
    assert trust["trustor_user_id"] == keystone.user("alice")
    assert trust["trustee_user_id"] == keystone.user("freezer")
    assert trust["project_id"] == keystone.project("trusting")
    assert [role["name"] for role in trust["roles"]] == ["member"]
    assert (trust["impersonation"], trust["expires_at"], trust["remaining_uses"]) == (False, None, None)
    assert trust["redelegation_count"] == 0
    listed = client("GET", "jobs?all_projects=True", by=SCHEDULER).json["jobs"]
    assert [job["user_credentials"]["trust_id"] for job in listed] == [id_]


def test_jobs_share_a_trust_until_the_last_is_deleted(client: Client, trusts: Any) -> None:
    jobs = [_create(client) for _ in range(3)]
    jobs.append("chosen")
    assert client("POST", "jobs/chosen", JOB, by=ALICE).status == 201
    (id_,) = trusts("alice")
    assert {_trust(client, job_id) for job_id in jobs} == {id_}
    for job_id in jobs:
        assert set(trusts("alice")) == {id_}
        assert client("DELETE", f"jobs/{job_id}", by=ALICE).status == 204
    assert trusts("alice") == {}


def test_every_user_has_their_own_trust(client: Client, trusts: Any) -> None:
    of_alice, of_bob = _create(client), _create(client, BOB)
    assert [*trusts("alice"), *trusts("bob")] == [_trust(client, of_alice), _trust(client, of_bob)]


def test_job_is_deleted_if_its_trust_cannot_be_revoked(client: Client, trusts: Any) -> None:
    job_id = _create(client)
    assert client("DELETE", f"jobs/{job_id}", by=BOB).status == 204
    # Keystone lets only the trustor revoke a trust.
    assert client("GET", f"jobs/{job_id}", by=ALICE).status == 404


def _grant(keystone: Keystone, trustee: str, role: str, project: str, **changes: Any) -> str:
    """Create a trust of alice without the service. Return its id."""
    trust = {
        "trustor_user_id": keystone.user("alice"),
        "trustee_user_id": keystone.user(trustee),
        "project_id": keystone.project(project),
        "roles": [{"name": role}, {"name": "reader"}] if role != "reader" else [{"name": role}],
        "impersonation": False,
        **changes,
    }
    token = keystone.new_token("alice", project, "member", "reader")
    return str(keystone.ask("POST", "/OS-TRUST/trusts", {"trust": trust}, token)["trust"]["id"])


@pytest.mark.parametrize(
    ("trustee", "role", "project", "changes"),
    [
        ("freezer", "member", "trusting", {"impersonation": True}),
        ("freezer", "member", "trusting", {"expires_at": "2999-01-01T00:00:00.000000Z", "remaining_uses": 5}),
        ("bob", "member", "trusting", {}),
        ("freezer", "reader", "trusting", {}),
        ("freezer", "member", "elsewhere", {}),
    ],
    ids=["impersonation", "limited uses", "other trustee", "missing role", "other project"],
)
def test_fault_100_unsuitable_trust_is_not_used(
    client: Client, keystone: Keystone, trusts: Any, trustee: str, role: str, project: str, changes: dict[str, Any]
) -> None:
    existing = _grant(keystone, trustee, role, project, **changes)
    assert _trust(client, _create(client)) != existing
    assert len(trusts("alice")) == 2


def test_suitable_trust_is_used(client: Client, keystone: Keystone, trusts: Any) -> None:
    # A separate expiry: Keystone refuses a second trust with the same properties, even if the first was revoked.
    existing = _grant(keystone, "freezer", "member", "trusting", expires_at="2998-01-01T00:00:00.000000Z")
    assert _trust(client, _create(client)) == existing
    assert set(trusts("alice")) == {existing}


def test_fault_100_refused_job_creates_no_trust(client: Client, trusts: Any) -> None:
    client("PATCH", "clients/central", {"supported_modes": ["fs"]}, by=SCHEDULER)
    impossible = [{"freezer_action": {"action": "backup", "mode": "nova"}}]
    for job, status in (
        ({**JOB, "job_actions": impossible}, 422),
        ({**JOB, "job_actions": [{"action_id": "missing"}]}, 422),
        ({**JOB, "foo": 1}, 400),
        ({**JOB, "client_id": "unknown"}, 422),
    ):
        assert client("POST", "jobs", job, by=ALICE).status == status
        assert client("POST", "jobs/j1", job, by=ALICE).status == status
    _create(client, client_id="node1", job_id="j1")
    assert client("POST", "jobs", {**JOB, "job_id": "j1"}, by=BOB).status == 409
    assert trusts("alice") == trusts("bob") == {}


def test_fault_100_trust_is_revoked_if_the_job_is_not_written(
    client: Client, disturbed: Disturbed, trusts: Any
) -> None:
    disturbed.before("create", "jobs", cut)
    assert client("POST", "jobs", JOB, by=ALICE).status == 503
    assert trusts("alice") == {}


def test_trust_stays_if_the_job_was_written(client: Client, disturbed: Disturbed, trusts: Any) -> None:
    disturbed.after("create", "jobs", cut)
    assert client("POST", "jobs/j1", JOB, by=ALICE).status == 503
    assert list(trusts("alice")) == [_trust(client, "j1")]


def test_trust_of_another_job_stays_if_a_job_is_not_written(
    client: Client, disturbed: Disturbed, trusts: Any
) -> None:
    job_id = _create(client)
    disturbed.before("create", "jobs", cut)
    assert client("POST", "jobs", JOB, by=ALICE).status == 503
    assert list(trusts("alice")) == [_trust(client, job_id)]


def test_trust_stays_if_the_store_cannot_be_searched(client: Client, disturbed: Disturbed, trusts: Any) -> None:
    job_id = _create(client)
    disturbed.after("delete", "jobs", lambda: disturbed.before("search", "jobs", cut))
    assert client("DELETE", f"jobs/{job_id}", by=ALICE).status == 204
    assert len(trusts("alice")) == 1


@pytest.mark.parametrize("method", ["create", "replace"])
def test_repeated_request_uses_the_trust_that_a_crash_left(
    client: Client, disturbed: Disturbed, trusts: Any, method: str
) -> None:
    if method == "replace":
        _create(client, client_id="node1", job_id="j1")
    request = ("POST", "jobs/j1", JOB)
    disturbed.before(method, "jobs", killed)
    with pytest.raises(Killed):
        client(*request, by=ALICE)
    (left,) = trusts("alice")
    assert client(*request, by=ALICE).status == 201
    assert list(trusts("alice")) == [_trust(client, "j1")] == [left]


def test_conflicts_create_no_second_trust(client: Client, disturbed: Disturbed, trusts: Any) -> None:
    _create(client, client_id="node1", job_id="j1")

    def conflict() -> None:
        raise Conflict("Job with ID j1 was changed by another request")

    disturbed.before("replace", "jobs", conflict, times=3)
    assert client("PATCH", "jobs/j1", {"client_id": "central"}, by=ALICE).status == 200
    assert list(trusts("alice")) == [_trust(client, "j1")]


class TestChanges:
    def test_fault_100_change_to_a_central_client_creates_a_trust(self, client: Client, trusts: Any) -> None:
        for job_id in ("j1", "j2"):
            _create(client, client_id="node1", job_id=job_id)
            assert _trust(client, job_id) is None
        assert client("PATCH", "jobs/j1", {"client_id": "central"}, by=ALICE).status == 200
        assert client("POST", "jobs/j2", JOB, by=ALICE).status == 201
        (id_,) = trusts("alice")
        assert _trust(client, "j1") == _trust(client, "j2") == id_

    def test_change_to_an_ordinary_client_revokes_the_trust(self, client: Client, trusts: Any) -> None:
        _create(client, job_id="j1")
        assert client("PATCH", "jobs/j1", {"client_id": "node1"}, by=ALICE).status == 200
        assert "user_credentials" not in client("GET", "jobs/j1", by=ALICE).json
        assert trusts("alice") == {}

    def test_change_that_keeps_the_actions_keeps_the_trust(self, client: Client, trusts: Any) -> None:
        _create(client, job_id="j1")
        (id_,) = trusts("alice")
        whole = client("GET", "jobs/j1", by=BOB).json
        for patch in (
            {"job_schedule": {"status": "running"}},
            {"client_id": "central", "session_tag": 3},
            {**whole, "description": "d"},
            {"user_credentials": {"trust_id": "x", "trustor_user_id": "y"}, "description": "e"},
        ):
            assert client("PATCH", "jobs/j1", patch, by=BOB).status == 200
        assert client("POST", "jobs/j1", {**whole, "description": "f"}, by=BOB).status == 201
        assert client("POST", "jobs/j1/event", {"start": None}, by=BOB).status == 202
        assert _trust(client, "j1") == id_
        assert trusts("bob") == {}

    @pytest.mark.parametrize("method", ["PATCH", "POST"])
    def test_actions_changed_by_another_user_get_the_trust_of_that_user(
        self, client: Client, trusts: Any, method: str
    ) -> None:
        _create(client, job_id="j1")
        other = {**JOB, "job_actions": [{"freezer_action": {"action": "restore"}}]}
        assert client(method, "jobs/j1", other, by=BOB).status < 300
        assert list(trusts("bob")) == [_trust(client, "j1")]

    def test_actions_changed_by_the_same_user_keep_the_trust(self, client: Client, trusts: Any) -> None:
        _create(client, job_id="j1")
        (id_,) = trusts("alice")
        other = {"job_actions": [{"freezer_action": {"action": "restore"}}]}
        assert client("PATCH", "jobs/j1", other, by=ALICE).status == 200
        assert _trust(client, "j1") == id_
        assert set(trusts("alice")) == {id_}


OTHER_WORK: dict[str, dict[str, Any]] = {
    "another client": {"client_id": "node1"},
    "other actions": {"job_actions": [{"freezer_action": {"action": "exec", "command": "id"}}]},
    "no actions": {"job_actions": []},
    "an action of the library": {"job_actions": [{"action_id": "a2"}]},
    "defaults": {"job_actions": BACKUP, "action_defaults": {"command": "id"}},
    # Agents distinguish null from an absent key, although the service treats both actions as equal.
    "a false value": {"job_actions": [{"freezer_action": {"action": "backup", "sync": False}}]},
}


@pytest.mark.parametrize("name", OTHER_WORK)
class TestOtherWork:
    """A job whose client or actions another user changed does not keep the trust of the first user."""

    LIBRARY: ClassVar = {"action_id": "a2", "freezer_action": {"action": "exec", "command": "id"}}

    def test_actions_changed_by_another_user_replace_the_trust_in_v2(
        self, client: Client, trusts: Any, name: str
    ) -> None:
        client("POST", "actions", self.LIBRARY, by=ALICE)
        for method, job_id in (("PATCH", "j1"), ("POST", "j2")):
            of_alice = _trust(client, _create(client, job_id=job_id))
            body = OTHER_WORK[name] if method == "PATCH" else {**JOB, **OTHER_WORK[name]}
            assert client(method, f"jobs/{job_id}", body, by=BOB).status < 300
            left = _trust(client, job_id)
            assert left != of_alice
            assert left in ([None] if name == "another client" else trusts("bob"))

    def test_actions_changed_by_another_user_release_the_trust_in_v1(
        self, client: Client, speak: Speak, trusts: Any, name: str
    ) -> None:
        v1 = speak(version=V1)
        client("POST", "actions", self.LIBRARY, by=ALICE)
        restore = {"job_actions": [{"freezer_action": {"action": "restore"}}]}
        for method, job_id in (("PATCH", "j1"), ("POST", "j2")):
            _create(client, job_id=job_id)
            assert client("PATCH", f"jobs/{job_id}", restore, by=BOB).status == 200
            assert client("PATCH", f"jobs/{job_id}", {"job_actions": BACKUP}, by=BOB).status == 200
            of_bob = _trust(client, job_id)
            assert of_bob in trusts("bob")
            whole = v1("GET", f"jobs/{job_id}", by=ALICE).json
            assert v1(method, f"jobs/{job_id}", {**whole, "description": "d"}, by=ALICE).status < 300
            assert _trust(client, job_id) == of_bob
            body = OTHER_WORK[name] if method == "PATCH" else {**JOB, **OTHER_WORK[name]}
            assert v1(method, f"jobs/{job_id}", body, by=ALICE).status < 300
            assert _trust(client, job_id) is None


def test_token_in_either_header_can_delegate(client: Client, keystone: Keystone, trusts: Any) -> None:
    token = keystone.token("alice", "trusting", "member")
    for headers in (
        {"X-Storage-Token": token},
        {"X-Auth-Token": "", "X-Storage-Token": token},
        {"X-Auth-Token": token, "X-Storage-Token": "rubbish"},
    ):
        answer = client("POST", f"{client.version.base(ALICE)}/jobs", JOB, by=None, headers=headers)
        assert answer.status == 201
        assert _trust(client, answer.json["job_id"]) in trusts("alice")
    refused = {"X-Auth-Token": "rubbish", "X-Storage-Token": token}
    assert client.unchecked("GET", f"{client.version.base(ALICE)}/jobs", by=None, headers=refused).status == 401


class TestVersion1:
    """Version 1 keeps the credentials of a job but hides them, and revokes the trust with the job."""

    def test_hidden_credentials_are_kept(self, client: Client, speak: Speak, trusts: Any) -> None:
        _create(client, job_id="j1")
        (id_,) = trusts("alice")
        v1 = speak(version=V1)
        whole = v1("GET", "jobs/j1", by=ALICE).json
        assert "user_credentials" not in whole
        other = [{"freezer_action": {"action": "exec"}}]
        assert v1("PATCH", "jobs/j1", {"description": "d", "job_actions": other}, by=ALICE).status == 200
        assert v1("POST", "jobs/j1", {**whole, "client_id": "node1"}, by=ALICE).status == 201
        assert _trust(client, "j1") == id_
        assert v1("GET", "jobs", {"match": [{"user_credentials.trust_id": id_}]}, by=ALICE).json == {"jobs": []}
        assert v1("DELETE", "jobs/j1", by=ALICE).status == 204
        assert trusts("alice") == {}

    def test_job_created_in_v1_has_no_trust(self, client: Client, speak: Speak, trusts: Any) -> None:
        assert speak(version=V1)("POST", "jobs/j1", JOB, by=ALICE).status == 201
        assert _trust(client, "j1") is None
        assert trusts("alice") == {}


class TestOptions:
    def test_disabled_trusts_are_not_created(self, speak: Speak, trusts: Any) -> None:
        client = speak("enabled = false")
        _register(client)
        assert _trust(client, _create(client)) is None
        assert trusts("alice") == {}

    def test_enforced_trusts_apply_to_ordinary_clients(self, speak: Speak, trusts: Any) -> None:
        client = speak("enforce_trusts = true")
        _register(client)
        assert _trust(client, _create(client, client_id="node1")) in trusts("alice")

    @pytest.mark.parametrize(("option", "roles"), [("reader", {"reader"}), ("", {"member", "reader", "other"})])
    def test_trust_has_the_configured_roles(self, speak: Speak, trusts: Any, option: str, roles: set[str]) -> None:
        client = speak(f"trusts_delegated_roles = {option}")
        _register(client)
        _create(client, "alice@trusting member,reader,other")
        (trust,) = trusts("alice").values()
        assert {role["name"] for role in trust["roles"]} >= roles
        assert option == "" or len(trust["roles"]) == 1

    def test_trustee_is_the_account_of_auth_section(self, speak: Speak, keystone: Keystone, trusts: Any) -> None:
        keystone.token("central", "service", "service")
        section = keystone.section().replace("keystone_authtoken", "central").replace("= freezer", "= central")
        client = speak("auth_section = central", more=section)
        _register(client)
        _create(client)
        (trust,) = trusts("alice").values()
        assert trust["trustee_user_id"] == keystone.user("central")


@pytest.fixture
def broken() -> Iterator[str]:
    """Return the URL of an identity service that fails."""

    class Fails(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(500)

        def do_POST(self) -> None:
            self.send_error(500)

        def log_message(self, *_arguments: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Fails) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v3"
        server.shutdown()
        thread.join()


class TestFailures:
    """If Keystone refuses a trust the response is 422, if it is unreachable 503; no job is created."""

    def _refused(self, client: Client, by: str = ALICE) -> tuple[int, str, str]:
        answer = client("POST", "jobs/j1", JOB, by=by)
        assert client("GET", "jobs/j1", by=ALICE).status == 404
        assert client("GET", "actions", by=ALICE).json == {"actions": []}
        return answer.error

    def _with_account(self, speak: Speak, keystone: Keystone, old: str, new: str) -> Client:
        section = keystone.section().replace("keystone_authtoken", "central")
        client = speak("auth_section = central", more=section.replace(old, new))
        _register(client)
        return client

    def test_unknown_role_is_422(self, speak: Speak, trusts: Any) -> None:
        client = speak("trusts_delegated_roles = member,no-such-role")
        _register(client)
        assert self._refused(client) == (
            422,
            "Missing required credentials",
            "Failed to find roles ['no-such-role']",
        )
        assert trusts("alice") == {}

    def test_role_that_the_caller_lacks_is_422(self, speak: Speak, keystone: Keystone) -> None:
        keystone.role("conductor")
        client = speak("trusts_delegated_roles = conductor")
        _register(client)
        assert self._refused(client)[:2] == (422, "Missing required credentials")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("password = freezer", "password = wrong"),
            ("auth_type = password", "auth_type = none"),
            ("auth_type = password", "auth_type = no-such-plugin"),
            ("auth_type = password", ""),
            ("username = freezer", ""),
        ],
    )
    def test_account_that_cannot_log_in_is_422(self, speak: Speak, keystone: Keystone, old: str, new: str) -> None:
        client = self._with_account(speak, keystone, old, new)
        assert self._refused(client) == (
            422,
            "Missing required credentials",
            "Cannot deduce trustee user from auth_section",
        )

    def test_admin_without_a_role_in_the_project_is_422(self, client: Client, keystone: Keystone) -> None:
        project = keystone.project("trusting")
        answer = client("POST", f"/v2/{project}/jobs/j1", JOB, by="root@operators admin")
        assert answer.error[:2] == (422, "Missing required credentials")

    def test_admin_with_a_role_in_the_project_can_delegate(self, client: Client, keystone: Keystone) -> None:
        keystone.token("chief", "trusting", "member")
        project = keystone.project("trusting")
        answer = client("POST", f"/v2/{project}/jobs/j1", JOB, by="chief@operators admin")
        assert answer.status == 201
        assert _trust(client, "j1")

    def test_application_credential_cannot_delegate(self, client: Client, keystone: Keystone) -> None:
        user, token = keystone.user("alice"), keystone.new_token("alice", "trusting", "member")
        wanted = {"application_credential": {"name": "robot", "secret": "secret"}}
        path = f"/users/{user}/application_credentials"
        created = keystone.ask("POST", path, wanted, token)["application_credential"]
        identity = {
            "methods": ["application_credential"],
            "application_credential": {"id": created["id"], "secret": "secret"},
        }
        headers, _ = keystone._send("POST", "/auth/tokens", {"auth": {"identity": identity}}, {})
        robot = {"X-Auth-Token": headers["X-Subject-Token"]}
        answer = client("POST", f"{client.version.base(ALICE)}/jobs/j1", JOB, by=None, headers=robot)
        assert answer.error[:2] == (422, "Missing required credentials")
        keystone.ask("DELETE", f"{path}/{created['id']}", token=token)

    def test_fault_101_unreachable_keystone_is_503(self, speak: Speak, keystone: Keystone) -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            nowhere = f"auth_url = http://127.0.0.1:{held.getsockname()[1]}/v3"
            client = self._with_account(speak, keystone, f"auth_url = {keystone.url}", nowhere)
            assert self._refused(client) == (
                503,
                "Service Unavailable",
                "The identity service is not available, try again later",
            )

    def test_fault_101_failing_keystone_is_503(self, speak: Speak, keystone: Keystone, broken: str) -> None:
        client = self._with_account(speak, keystone, f"auth_url = {keystone.url}", f"auth_url = {broken}")
        assert self._refused(client)[:2] == (503, "Service Unavailable")
