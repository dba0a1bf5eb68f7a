# SPDX-License-Identifier: Apache-2.0
"""Identity in standalone mode: the token names the user."""

import pytest

from tests.functional.client import Answer, Client
from tests.functional.versions import V1, Version

pytestmark = pytest.mark.any_store


@pytest.fixture
def version() -> Version:
    return V1


ID_255 = "a" * 255


def _ask(client: Client, token: str | None, **headers: str) -> Answer:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return client("POST", "backups", _BACKUP, by=None, headers={"X-Auth-Token": token, **given})


_BACKUP = {"container": "c", "hostname": "h", "backup_name": "b"}


def _owner(client: Client, token: str | None, **headers: str) -> tuple[str, str]:
    """Create a backup with this token. Return its user id and user name."""
    answer = _ask(client, token, **headers)
    assert answer.status == 201
    backup = client("GET", f"backups/{answer.json['backup_id']}", by=None, headers={"X-Auth-Token": token}).json
    return backup["user_id"], backup["user_name"]


@pytest.mark.parametrize("token", [None, ""])
def test_request_without_token_is_of_user_demo(client: Client, token: str | None) -> None:
    assert _owner(client, token) == ("demo", "demo")


@pytest.mark.parametrize(
    ("token", "user"),
    [
        ("alice:library", "alice"),
        ("alice:library:", "alice"),
        ("alice:library:member", "alice"),
        ("alice:library:Member", "alice"),
        ("alice:library:reader,member", "alice"),
        ("alice:library:reader, member", "alice"),
        ("A-b_9:p:admin", "A-b_9"),
        (f"{ID_255}:{ID_255}", ID_255),
    ],
)
def test_token_determines_user_and_project(client: Client, token: str, user: str) -> None:
    assert _owner(client, token) == (user, user)


@pytest.mark.parametrize("token", [None, ""])
def test_token_in_x_storage_token_is_accepted(client: Client, token: str | None) -> None:
    assert _owner(client, token, X_Storage_Token="") == ("demo", "demo")
    headers = {"X-Auth-Token": token, "X-Storage-Token": "bob:library"}
    created = client("POST", "backups", _BACKUP, by=None, headers=headers)
    path = f"backups/{created.json['backup_id']}"
    assert client("GET", path, by=None, headers=headers).json["user_id"] == "bob"
    assert _ask(client, token, X_Storage_Token="alice:library:reader").status == 403
    assert _ask(client, token, X_Storage_Token="malformed").status == 401


def test_x_auth_token_takes_precedence_over_x_storage_token(client: Client) -> None:
    assert _owner(client, "alice:library", X_Storage_Token="bob:library") == ("alice", "alice")
    assert _ask(client, "malformed", X_Storage_Token="bob:library").status == 401


@pytest.mark.parametrize(
    "token",
    [
        "alice",
        ":",
        "alice:",
        ":library",
        "::member",
        "alice:library:member:more",
        "alice:library:a,,b",
        "alice:library:,member",
        "al ice:library",
        " alice:library",
        "alice:lib/rary",
        "älice:library",
        "alice:library:mémber",
        f"{ID_255}a:library",
        "alice:library:member\n",
        "alice:library\n",
    ],
)
def test_malformed_token_is_401(client: Client, token: str) -> None:
    answer = _ask(client, token)
    assert (answer.status, answer.json["title"]) == (401, "Unauthorized")


def test_identity_headers_of_clients_are_ignored_fault_15(client: Client) -> None:
    forged = {
        "X_Identity_Status": "Confirmed",
        "X_User_Id": "bob",
        "X_User_Name": "bob",
        "X_Tenant_Id": "archive",
        "X_Project_Id": "archive",
        "X_Roles": "admin",
        "X_Domain_Id": "d",
        "X_Service_Roles": "admin",
        "X_Is_Admin_Project": "True",
        "OpenStack_System_Scope": "all",
    }
    assert _owner(client, "alice:library", **forged) == ("alice", "alice")
    assert _owner(client, None, **forged) == ("demo", "demo")
    assert _ask(client, "alice:library:reader", **forged).status == 403
    assert _ask(client, "malformed", **forged).status == 401


def test_token_determines_the_roles(client: Client) -> None:
    assert _ask(client, "alice:library:reader").status == 403
    assert _ask(client, "alice:library:READER").status == 403
    assert _ask(client, "alice:library: Member ").status == 201
