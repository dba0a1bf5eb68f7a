# SPDX-License-Identifier: Apache-2.0
"""Limits of documents, so that the cost of a request is proportional to its body."""

import json
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from oslo_config import cfg

from freezer_api import app
from freezer_api.conf import opts
from freezer_api.repository.protocol import Repository
from tests.functional.client import Answer, Client
from tests.functional.conftest import Identity
from tests.functional.versions import V2, Version

pytestmark = pytest.mark.any_store

BACKUP = {"container": "c", "hostname": "h", "backup_name": "b"}
SIZE = 4000
TEXT = "x" * 3000
DOUBLE = "x" * (2 * SIZE)

Change = Callable[..., None]


@pytest.fixture(autouse=True)
def small(conf: cfg.ConfigOpts) -> None:
    for name, value in (("max_document_size", SIZE), ("max_job_actions", 5), ("max_session_jobs", 3)):
        conf.set_override(name, value, group="api")


@pytest.fixture
def generous(repository: Repository, version: Version, identity: Identity) -> Client:
    """Another service on the same store, with the default limits."""
    conf = cfg.ConfigOpts()
    opts.register(conf)
    conf([], project="freezer", default_config_files=[], default_config_dirs=[])
    other = Client(app.build_standalone(conf, repository), version, identity)
    assert other("POST", "clients", {"client_id": "node1"}).status == 201
    return other


def items(count: int, **more: Any) -> list[Any]:
    return [{"freezer_action": {"action": "backup", "mode": "fs", "n": n, **more}} for n in range(count)]


def job(count: int, **more: Any) -> Any:
    return {"client_id": "node1", "job_actions": items(count, **more)}


def is_too_large(answer: Answer) -> bool:
    return answer.status == 413 and f"[api] max_document_size allows {SIZE}" in answer.json["description"]


def is_too_many(answer: Answer, option: str, limit: int) -> bool:
    assert answer.json.get("title") == "Bad request format", answer.json
    return answer.status == 400 and f"[api] {option} allows {limit}" in answer.json["description"]


def library(client: Client) -> int:
    return len(client("GET", "actions?limit=500").json["actions"])


BODIES: dict[str, Callable[[str], Any]] = {
    "backups": lambda text: {**BACKUP, "text": text},
    "clients": lambda text: {"client_id": "node2", "description": text},
    "actions": lambda text: {"freezer_action": {"action": "backup", "text": text}},
    "jobs": lambda text: {"client_id": "node1", "description": text, "job_actions": []},
    "sessions": lambda text: {"schedule": {}, "session_tag": 0, "description": text},
}


@pytest.mark.parametrize("kind", BODIES)
def test_document_above_the_size_is_413(client: Client, generous: Client, kind: str) -> None:
    body = BODIES[kind]
    assert is_too_large(client("POST", kind, body(DOUBLE)))
    assert client("POST", kind, body("x" * (SIZE - 150))).status == 201
    if kind in ("actions", "jobs", "sessions"):
        assert is_too_large(client("POST", f"{kind}/new", body(DOUBLE)))
        assert client("GET", f"{kind}/new").status == 404


PATCHES: dict[str, Callable[[str], Any]] = {
    "clients": lambda key: {key: TEXT},
    "actions": lambda key: {"freezer_action": {key: TEXT}} if key else {},
    "sessions": lambda key: {key: TEXT},
}


@pytest.mark.parametrize("kind", PATCHES)
def test_merged_document_cannot_grow_above_the_size(
    client: Client, generous: Client, kind: str, version: Version
) -> None:
    created = client("POST", kind, BODIES[kind]("")).json
    path = f"{kind}/{next(iter(created.values()))}"
    assert client("PATCH", path, PATCHES[kind]("one")).status == 200
    before = client("GET", path).json
    assert is_too_large(client("PATCH", path, PATCHES[kind]("two")))
    assert client("GET", path).json == before


def test_metadata_of_a_backup_cannot_grow_above_the_size(client: Client, version: Version) -> None:
    if version is not V2:
        pytest.skip("v1 does not change backups")
    path = f"backups/{client('POST', 'backups', BACKUP).json['backup_id']}"
    assert client("PATCH", path, {"backup_metadata": {"one": TEXT}}).status == 200
    assert is_too_large(client("PATCH", path, {"backup_metadata": {"two": TEXT}}))
    assert is_too_large(client("PATCH", path, {"two": TEXT}))
    assert "two" not in client("GET", path).json["backup_metadata"]


@pytest.mark.parametrize("is_central", [False, True])
def test_second_registration_cannot_grow_above_the_size(
    client: Client, version: Version, is_central: bool
) -> None:
    if version is not V2:
        pytest.skip("v1 registers a client once")
    node = {"client_id": "node3", "is_central": is_central}
    by = "alice@rosegarden admin"
    assert client("POST", "clients", node, by=by).status == 201
    assert is_too_large(client("POST", "clients", {**node, "description": DOUBLE}, by=by))
    assert client("POST", "clients", {**node, "description": "short"}, by=by).status == 201
    assert is_too_large(client("POST", "clients", {**node, "client_id": "node4", "description": DOUBLE}, by=by))
    assert client("POST", "clients", {"client_id": "node5"}, by=by).status == 201
    growing = {"client_id": "node5", "is_central": True, "description": DOUBLE}
    assert is_too_large(client("POST", "clients", growing, by=by))


@pytest.mark.parametrize("key", ["text", "action"])
def test_size_with_action_defaults_is_checked_before_they_are_copied(
    client: Client, generous: Client, key: str
) -> None:
    body = {**job(3), "action_defaults": {"text": TEXT, "action": "restore"}}
    known = generous("POST", "jobs", job(1)).json["job_id"]
    before = library(client)
    assert is_too_large(client("POST", "jobs", body))
    assert is_too_large(client("POST", f"jobs/{known}", body))
    assert is_too_large(client("PATCH", f"jobs/{known}", body))
    assert library(client) == before
    # Defaults replace null in a definition, but no other value.
    own = {**job(3, text="own"), "action_defaults": {"text": TEXT}}
    assert client("POST", "jobs", own).status == 201
    assert client("POST", "jobs", {**job(1, text=None), "action_defaults": {"text": TEXT}}).status == 201


def test_small_body_of_action_defaults_takes_little_memory(client: Client, generous: Client) -> None:
    defaults = {f"k{number}": number for number in range(5000)}
    body = {"client_id": "node1", "job_actions": [{"freezer_action": {}}] * 2000, "action_defaults": defaults}
    data = json.dumps(body).encode()
    tracemalloc.start()
    try:
        assert client("POST", "jobs", data).status == 413
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 30 * len(data)


def test_size_with_stored_actions_is_checked_before_they_are_copied(client: Client, generous: Client) -> None:
    stored = generous("POST", "actions", BODIES["actions"](TEXT)).json["action_id"]
    by_name = {"client_id": "node1", "job_actions": [{"action_id": stored}] * 2}
    known = generous("POST", "jobs", job(1)).json["job_id"]
    assert is_too_large(client("POST", "jobs", by_name))
    assert is_too_large(client("POST", f"jobs/{known}", by_name))
    assert is_too_large(client("PATCH", f"jobs/{known}", by_name))
    assert client("POST", "jobs", {**by_name, "job_actions": [{"action_id": stored}]}).status == 201


def test_large_action_named_400_times_is_read_less_than_10_times(
    conf: cfg.ConfigOpts, client: Client, generous: Client, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = generous("POST", "actions", BODIES["actions"]("x" * 900_000)).json["action_id"]
    reads: list[str] = []
    read = repository.get
    monkeypatch.setattr(repository, "get", lambda kind, key: reads.append(key) or read(kind, key))
    before = library(client)
    names = {"client_id": "node1", "job_actions": [{"action_id": stored}] * 400}
    assert is_too_large(generous("POST", "jobs", names)) is False
    assert generous("POST", "jobs", names).status == 413
    assert len(reads) < 10
    assert library(client) == before


def test_number_of_actions_is_limited(client: Client, generous: Client) -> None:
    assert client("POST", "jobs", job(5)).status == 201
    before = library(client)
    known = client("POST", "jobs", job(1)).json["job_id"]
    for method, path in (("POST", "jobs"), ("POST", f"jobs/{known}"), ("PATCH", f"jobs/{known}")):
        assert is_too_many(client(method, path, job(6)), "max_job_actions", 5)
    assert library(client) == before + 1


def test_job_above_the_limits_may_change_if_it_does_not_grow(client: Client, generous: Client) -> None:
    large = job(8, text="x" * 1000)
    path = f"jobs/{generous('POST', 'jobs', large).json['job_id']}"
    stored = client("GET", path).json
    assert client("PATCH", path, {"job_schedule": {"status": "scheduled"}}).status == 200
    assert client("POST", f"{path}/event", {"start": None}).status == 202
    session = client("POST", "sessions", {"schedule": {"schedule_interval": "2 days"}}).json["session_id"]
    assert client("PUT", f"sessions/{session}/{path}").status == 204
    assert client("PATCH", f"sessions/{session}", {"schedule": {"schedule_interval": "3 days"}}).status == 200
    assert client("GET", path).json["job_schedule"]["schedule_interval"] == "3 days"
    assert client("DELETE", f"sessions/{session}/{path}").status == 204
    whole = client("GET", path).json
    assert client("PATCH", path, whole).status == 200
    assert client("PATCH", path, {"job_actions": stored["job_actions"][:7]}).status == 200
    assert is_too_many(client("PATCH", path, {"job_actions": stored["job_actions"]}), "max_job_actions", 5)
    assert is_too_large(client("PATCH", path, {"description": DOUBLE}))
    assert client("DELETE", path).status == 204


def test_number_of_jobs_in_a_session_is_limited(client: Client, generous: Client) -> None:
    ids = [client("POST", "jobs", job(1)).json["job_id"] for _ in range(4)]
    session, other = (f"sessions/{client('POST', 'sessions', {'schedule': {}}).json['session_id']}" for _ in "ab")
    assert client("PUT", f"{other}/jobs/{ids[3]}").status == 204
    for id_ in ids[:3]:
        assert client("PUT", f"{session}/jobs/{id_}").status == 204
    assert is_too_many(client("PUT", f"{session}/jobs/{ids[3]}"), "max_session_jobs", 3)
    assert client("GET", other).json["jobs"].keys() == {ids[3]}
    assert client("PUT", f"{session}/jobs/{ids[0]}").status == 204
    entries = {f"j{number}": {} for number in range(4)}
    assert is_too_many(client("PATCH", session, {"jobs": entries}), "max_session_jobs", 3)
    replacement = {"session_tag": 0, "schedule": {}, "jobs": entries}
    assert is_too_many(client("POST", other, replacement), "max_session_jobs", 3)
    assert client("DELETE", f"{session}/jobs/{ids[0]}").status == 204
    assert client("PUT", f"{session}/jobs/{ids[3]}").status == 204


def test_member_entries_within_service_size_are_not_counted(client: Client) -> None:
    session = f"sessions/{client('POST', 'sessions', {'schedule': {}, 'description': TEXT}).json['session_id']}"
    entry = {"client_id": "c" * 900}
    assert client("PATCH", session, {"jobs": {f"j{number}": entry for number in range(3)}}).status == 200
    assert client("PATCH", session, {"description": TEXT + "!"}).status == 200
    assert is_too_large(client("PATCH", session, {"jobs": {"j0": {"client_id": TEXT}}}))


def test_member_entries_with_other_keys_are_counted(client: Client) -> None:
    session = f"sessions/{client('POST', 'sessions', {'schedule': {}, 'description': TEXT}).json['session_id']}"
    assert client("PATCH", session, {"jobs": {"j0": {"x": "y" * 500}}}).status == 200
    assert client("PATCH", session, {"jobs": {"j0": {"status": ""}}}).status == 200
    assert is_too_large(client("PATCH", session, {"jobs": {"j1": {"x": "y" * 500}}}))


def test_long_member_ids_are_counted(client: Client) -> None:
    session = f"sessions/{client('POST', 'sessions', {'schedule': {}}).json['session_id']}"
    assert is_too_large(client("PATCH", session, {"jobs": {DOUBLE: {}}}))
    replacement = {"session_tag": 0, "schedule": {}, "jobs": {DOUBLE: {}}}
    assert is_too_large(client("POST", session, replacement))


def test_length_of_a_schedule_text_is_limited(client: Client) -> None:
    for kind, part in (("jobs", "job_schedule"), ("sessions", "schedule")):
        body = {**BODIES[kind](""), part: {"schedule_month": "x" * 1025}}
        assert client("POST", kind, body).error[:2] == (400, "Bad request format")


def test_refusals_are_logged_once_a_minute_for_each_project(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        for by in ("alice@rosegarden", "bob@library"):
            assert client("POST", "backups", BODIES["backups"](DOUBLE), by=by).status == 413
    lines = [line for line in caplog.messages if line.startswith("Refused")]
    assert sorted(line.partition(":")[0] for line in lines) == [
        "Refused a request of project library",
        "Refused a request of project rosegarden",
    ]
    assert all("[api] max_document_size" in line for line in lines)


@pytest.mark.slow
def test_time_to_create_a_job_is_linear_in_its_actions(
    conf: cfg.ConfigOpts,
    generous: Client,
    repository: Repository,
    version: Version,
    identity: Identity,
    engine: str,
) -> None:
    if engine != "sqlite":
        pytest.skip("the bounds are those of SQLite")
    for name, value in (("max_document_size", 2**26), ("max_body_size", 2**26), ("max_job_actions", 4000)):
        conf.set_override(name, value, group="api")

    def cost(count: int) -> float:
        body = json.dumps(job(count, path_to_backup="/data", container="c", storage="local")).encode()
        started = time.process_time()
        assert raised("POST", "jobs", body).status == 201
        return time.process_time() - started

    raised = Client(app.build_standalone(conf, repository), version, identity)
    cost(10)
    thousand = min(cost(1000) for _ in range(3))
    assert min(cost(4000) for _ in range(2)) < 4.4 * thousand
