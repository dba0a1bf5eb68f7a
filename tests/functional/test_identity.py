# SPDX-License-Identifier: Apache-2.0
"""Identity headers as Keystone's middleware sets them."""

from functools import partial

import pytest
from oslo_config import cfg

from freezer_api.middleware.request_log import log_requests
from freezer_api.repository.protocol import Repository
from tests.functional.client import Answer, Client
from tests.functional.conftest import app
from tests.functional.versions import V1, Version, in_v1

pytestmark = pytest.mark.any_store

CONFIRMED = {
    "X-Identity-Status": "Confirmed",
    "X-User-Id": "alice",
    "X-Project-Id": "library",
    "X-Roles": "member",
}
_BACKUP = {"container": "c", "hostname": "h", "backup_name": "b"}


@pytest.fixture
def client(conf: cfg.ConfigOpts, repository: Repository, version: Version) -> Client:
    bare = partial(log_requests, app.ApplicationFactory(conf, repository).api())
    return Client(bare, version, lambda _who: {})


def _report(client: Client, **changes: str | None) -> Answer:
    headers = CONFIRMED | {name.replace("_", "-"): value for name, value in changes.items()}
    return client("POST", "backups", _BACKUP, headers=headers)


@in_v1
def test_backup_is_owned_by_the_authenticated_user(client: Client) -> None:
    created = _report(client, X_User_Name="Alice")
    assert created.status == 201
    backup = client("GET", f"backups/{created.json['backup_id']}", headers=CONFIRMED).json
    assert (backup["user_id"], backup["user_name"]) == ("alice", "Alice")


@in_v1
def test_user_name_is_decoded_as_utf_8(client: Client) -> None:
    created = _report(client, X_User_Name="Zoë".encode().decode("latin-1"))
    assert client("GET", f"backups/{created.json['backup_id']}", headers=CONFIRMED).json["user_name"] == "Zoë"


def test_search_finds_user_name_only_in_v1(client: Client, version: Version) -> None:
    for name in ("Ann Liddell", "Bob Liddell"):
        assert _report(client, X_User_Name=name).status == 201
    shown = version is V1
    for search, count in (
        ({"match": [{"_all": "liddell"}]}, 2 if shown else 0),
        ({"match": [{"_all": "h bob liddell"}]}, 1 if shown else 0),
        ({"match_not": [{"_all": "ann"}]}, 1 if shown else 2),
        ({"match": [{"user_name": "Ann Liddell"}]}, 1 if shown else 0),
        ({"match": [{"_all": '[{"user_name": "Ann Liddell"}]'}]}, 1 if shown else 0),
        ({"match_not": [{"user_name": None}]}, 2 if shown else 0),
    ):
        path = f"{version.base(None)}/backups?with_count=1"
        assert client("GET", path, search, headers=CONFIRMED).json["count"] == count, search


@in_v1
def test_missing_user_name_is_null(client: Client) -> None:
    created = _report(client)
    assert client("GET", f"backups/{created.json['backup_id']}", headers=CONFIRMED).json["user_name"] is None


@pytest.mark.parametrize("status", [None, "", "Invalid", "confirmed", "CONFIRMED", "Confirmed "])
def test_unconfirmed_identity_is_401(client: Client, status: str | None) -> None:
    answer = _report(client, X_Identity_Status=status)
    assert (answer.status, answer.json["title"]) == (401, "Unauthorized")


@pytest.mark.parametrize("user", [None, ""])
def test_identity_without_user_is_401_fault_39(client: Client, user: str | None) -> None:
    assert _report(client, X_User_Id=user).status == 401
    assert client("GET", "backups", headers={**CONFIRMED, "X-User-Id": user}).status == 401


def test_only_list_of_versions_needs_no_identity(client: Client) -> None:
    assert client("GET", "/").status == 300
    for path in (client.base, "jobs", "/nonsense", "/healthcheck"):
        assert client("GET", path).status == 401


def test_roles_are_a_comma_list_ignoring_case(client: Client) -> None:
    for roles in ("member", " MEMBER ", "reader, Member", ",member,", "other,member,other"):
        assert _report(client, X_Roles=roles).status == 201
    for roles in (None, "", ",", "reader", "members", "other"):
        assert _report(client, X_Roles=roles).status == 403


def test_caller_without_project_is_403(client: Client) -> None:
    for roles in ("member", "admin", "service"):
        answer = _report(client, X_Project_Id=None, X_Roles=roles)
        assert answer.error == (403, "Access Forbidden", "You are not allowed to access this resource")
    assert _report(client, X_Project_Id=None, X_Tenant_Id="library").status == 201


def test_token_for_domain_or_system_is_403(client: Client) -> None:
    assert _report(client, X_Roles="admin", OpenStack_System_Scope="all").status == 403
    assert _report(client, X_Roles="admin", X_Domain_Id="default").status == 403
    assert _report(client, X_User_Domain_Id="default", X_Project_Domain_Id="default").status == 201
