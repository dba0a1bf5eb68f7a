# SPDX-License-Identifier: Apache-2.0
"""Imported v1 documents without a project are accessible with any token of their user."""

from typing import Any

import pytest

from freezer_api.documents.registry import KINDS
from freezer_api.operations.scope import Scope
from freezer_api.repository.protocol import Repository
from tests.functional.client import Client
from tests.functional.versions import in_v1

ACTION = {"freezer_action": {"action": "backup"}}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "backups": {"backup_id": "old", "backup_metadata": {"backup_name": "b"}},
    "clients": {"client": {"client_id": "old"}},
    "jobs": {"job_id": "old", "client_id": "old", "job_actions": [], "job_schedule": {"event": ""}},
    "actions": {"action_id": "old", **ACTION},
    "sessions": {"session_id": "old", "session_tag": 0, "schedule": {}, "jobs": {}},
}
KEYED_BY_USER = Scope("user_id", "alice", "alice", None).client_key("old")

pytestmark = in_v1


@pytest.fixture(autouse=True)
def imported(repository: Repository) -> None:
    for kind in KINDS:
        key = "old" if kind.keyed_by_id else KEYED_BY_USER
        repository.create(kind, key, {**DOCUMENTS[kind.name], "user_id": "alice"})


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_document_without_project_is_visible_with_any_token_of_user(client: Client, kind: str) -> None:
    for project in ("library", "archive"):
        by = f"alice@{project}"
        assert client("GET", f"{kind}/old", by=by).status == 200
        assert len(client("GET", kind, by=by).json[kind]) == 1
    assert client("GET", f"{kind}/old", by="bob@library").status == 404
    assert client("GET", kind, by="bob@library").json[kind] == []
    assert client("DELETE", f"{kind}/old", by="alice@archive").status == 204
    assert client("GET", f"{kind}/old").status == 404


@pytest.mark.parametrize("kind", ["clients", "jobs", "actions", "sessions"])
def test_change_does_not_add_a_project_to_a_document(client: Client, repository: Repository, kind: str) -> None:
    assert client("PATCH", f"{kind}/old", {"description": "d"}, by="alice@archive").status == 200
    assert len(client("GET", kind, by="alice@library").json[kind]) == 1
    (definition,) = (definition for definition in KINDS if definition.name == kind)
    stored = repository.get(definition, KEYED_BY_USER if kind == "clients" else "old")
    assert stored is not None
    assert "project_id" not in stored.document


def test_client_keyed_by_user_is_found_and_not_registered_twice(client: Client) -> None:
    answer = client("POST", "clients", {"client_id": "old"})
    assert answer.error == (409, "Document already existing", "Client already registered with ID old")
    assert len(client("GET", "clients").json["clients"]) == 1


def test_client_of_the_project_precedes_client_without_project(client: Client, repository: Repository) -> None:
    kind = next(kind for kind in KINDS if kind.name == "clients")
    key = Scope("user_id", "alice", "alice", "library").client_key("old")
    new = {"client": {"client_id": "old", "description": "new"}, "user_id": "alice", "project_id": "library"}
    repository.create(kind, key, new)
    assert client("GET", "clients/old").json["client"]["description"] == "new"
    assert len(client("GET", "clients").json["clients"]) == 2
    assert client("DELETE", "clients/old").status == 204
    assert "description" not in client("GET", "clients/old").json["client"]


def test_session_without_project_releases_only_jobs_without_project(client: Client) -> None:
    for job in ("old", "new"):
        body = {"client_id": "old", "job_actions": [], "session_id": "old", "session_tag": 4}
        assert client("POST", f"jobs/{job}", body).status == 201
        assert client("PATCH", "sessions/old", {"jobs": {job: {"client_id": "old"}}}).status == 200
    assert client("DELETE", "sessions/old").status == 204
    assert "session_id" not in client("GET", "jobs/old").json
    assert client("GET", "jobs/new").json["session_id"] == "old"


def test_job_without_project_cannot_join_a_session_of_a_project(client: Client) -> None:
    assert client("POST", "sessions/new", {"session_tag": 0}).status == 201
    assert client("PUT", "sessions/new/jobs/old").status == 404
    assert client("PUT", "sessions/old/jobs/old").status == 204
    assert client("GET", "jobs/old").json["session_id"] == "old"
