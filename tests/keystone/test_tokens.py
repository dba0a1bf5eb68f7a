# SPDX-License-Identifier: Apache-2.0
"""The caller's identity with a token of Keystone, and tokens that are refused."""

import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.compat.deployers import DEPLOYERS
from tests.functional.client import Answer, Client
from tests.functional.versions import V1
from tests.keystone.conftest import OURS, Serve
from tests.support.keystone import Keystone

BACKUP = {"container": "c", "hostname": "h", "backup_name": "b"}
PASTE_FILES = {"ours": OURS} | {path.stem: path for path in DEPLOYERS.glob("*-paste.ini")}


def _ask(client: Client, token: str | None, **headers: str) -> Answer:
    return client.unchecked("GET", "backups", by=None, headers={"X-Auth-Token": token, **headers})


def _expired_token(client: Client, keystone: Keystone) -> str:
    """Return a token that was valid and has expired."""
    for seconds in (3, 10, 30, 90):
        # If the trust expired before its token was requested, Keystone refuses to create one: try again.
        with suppress(AssertionError):
            token = keystone.short_token("alice", "library", "member", seconds)
            if _ask(client, token).status == 200:
                break
    else:
        pytest.fail("Every token expired before its first request ended")
    end = time.monotonic() + 2 * seconds + 60
    while _ask(client, token).status != 401:
        assert time.monotonic() < end, f"a token for {seconds} s does not expire"
        time.sleep(0.2)
    return token


def test_document_belongs_to_the_user_of_the_token(client: Client, keystone: Keystone) -> None:
    created = client("POST", "backups", BACKUP, by="alice")
    assert created.status == 201
    backup = client("GET", f"backups/{created.json['backup_id']}", by="alice").json
    assert (backup["user_id"], backup["user_name"]) == (keystone.user("alice"), "alice")
    assert client("GET", f"backups/{created.json['backup_id']}", by="bob").status == 404


@pytest.mark.parametrize("roles", ["reader", "member", "admin", "service", "other"])
def test_roles_of_the_token_determine_access(client: Client, roles: str) -> None:
    by = f"{roles}-user@archive {roles}"
    assert client("GET", "backups", by=by).status == (403 if roles == "other" else 200)
    may_report = roles not in ("reader", "other")
    assert client("POST", "backups", BACKUP, by=by).status == (201 if may_report else 403)
    may_create = roles in ("member", "admin")
    assert client("POST", "jobs", {"job_actions": "x"}, by=by).status == (400 if may_create else 403)


@pytest.mark.parametrize("scope", ["none", "domain", "system"])
def test_token_without_a_project_is_403(client: Client, keystone: Keystone, scope: str) -> None:
    token = {
        "none": lambda: keystone.token("carol", None),
        "domain": lambda: keystone.domain_token("carol", "admin", "member"),
        "system": lambda: keystone.system_token("carol", "admin"),
    }[scope]()
    for method, path in (("GET", "jobs"), ("GET", "jobs/x"), ("POST", "clients"), ("DELETE", "backups/x")):
        assert client(method, path, by=None, headers={"X-Auth-Token": token}).status == 403
    assert client("GET", "/v1", by=None, headers={"X-Auth-Token": token}).status == 200


@pytest.mark.parametrize("token", [None, "", "rubbish", "alice:library", "x" * 5000])
def test_invalid_token_is_401(client: Client, keystone: Keystone, token: str | None) -> None:
    answer = _ask(client, token)
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == f'Keystone uri="{keystone.url}"'
    assert answer.json["error"]["code"] == 401


def test_revoked_token_is_401(client: Client, keystone: Keystone) -> None:
    token = keystone.new_token("dave", "library", "member")
    keystone.revoke(token)
    assert _ask(client, token).status == 401


def test_expired_token_is_401(client: Client, keystone: Keystone) -> None:
    assert _ask(client, _expired_token(client, keystone)).status == 401


class TestServiceTokens:
    """A service that acts for a user also sends its own token, because that of the user may have expired."""

    def test_service_token_accepts_an_expired_user_token(self, client: Client, keystone: Keystone) -> None:
        service = {"X-Service-Token": keystone.token("nova", "service", "service")}
        assert _ask(client, _expired_token(client, keystone), **service).status == 200

    def test_service_token_without_the_role_is_401(self, client: Client, keystone: Keystone) -> None:
        token = keystone.token("alice", "library", "member")
        assert _ask(client, token, **{"X-Service-Token": keystone.token("bob", "library", "member")}).status == 401
        assert _ask(client, token, **{"X-Service-Token": "rubbish"}).status == 401

    def test_roles_of_the_service_do_not_apply_to_the_user(self, client: Client, keystone: Keystone) -> None:
        reader = keystone.token("eve", "library", "reader")
        service = {"X-Service-Token": keystone.token("nova", "service", "service")}
        answer = client("POST", "backups", BACKUP, by=None, headers={"X-Auth-Token": reader, **service})
        assert answer.status == 403


class TestAccessRules:
    """Tokens of application credentials with the access rules in ``doc/source/install/keystone.rst``."""

    RULES = (("GET", "/v2/*/jobs"), ("GET", "/v2/*/jobs/"), ("POST", "/v2/*/jobs/*/event"), ("GET", "/v1/jobs/"))

    @pytest.fixture(autouse=True)
    def _catalog(self, keystone: Keystone) -> Iterator[None]:
        service = keystone.register("backup", "http://backup.localhost:9090")
        yield
        keystone.unregister(service)

    def test_access_rules_need_no_option_in_the_file(self, client: Client, keystone: Keystone) -> None:
        token = {"X-Auth-Token": keystone.restricted_token("gina", "library", *self.RULES)}
        project = keystone.project("library")

        def status(method: str, path: str) -> int:
            return client.unchecked(method, path, b"{}", by=None, headers=token).status

        # Some clients send a trailing slash; the middleware compares paths without normalizing them.
        assert status("GET", f"/v2/{project}/jobs") == 200
        assert status("GET", f"/v2/{project}/jobs/") == 200
        assert status("GET", f"/v2/{project}/jobs?limit=1") == 200
        assert status("POST", f"/v2/{project}/jobs/none/event") == 400
        assert status("GET", "/v1/jobs/") == 200
        assert status("GET", "/v1/jobs") == 401
        assert status("POST", f"/v2/{project}/jobs") == 401
        assert status("GET", f"/v2/{project}/backups") == 401

    def test_access_rules_are_compared_with_the_configured_service_type(
        self, serve: Serve, keystone: Keystone
    ) -> None:
        token = {"X-Auth-Token": keystone.restricted_token("gina", "library", *self.RULES)}
        other = Client(serve(service_type="another"), V1, lambda _who: {})
        assert other.unchecked("GET", "/v1/jobs/", by=None, headers=token).status == 401


@pytest.mark.parametrize("name", PASTE_FILES)
def test_paste_file_of_deployers_serves_with_keystone(
    serve: Serve, keystone: Keystone, name: str, identity
) -> None:
    client = Client(serve(PASTE_FILES[name]), V1, identity)
    if name == "e3-paste":
        assert client("GET", "jobs").status == 404
        return
    forged = {"X-User-Id": "mallory", "X-Roles": "admin", "X-Identity-Status": "Confirmed"}
    reader = "eve@library reader"
    assert client("POST", "backups", BACKUP, by=reader, headers=forged).status == 403
    created = client("POST", "backups", BACKUP, headers=forged)
    backup = client("GET", f"backups/{created.json['backup_id']}").json
    assert backup["user_id"] == keystone.user("alice")
    client("POST", "backups", BACKUP)
    link = client("GET", "backups?limit=1").headers["link"]
    assert link.startswith("<http://backup.localhost:9090/v1/backups?limit=1&marker=")
    assert client("GET", "backups/", headers={"X-Openstack-Request-Id": "mine"}).headers[
        "x-openstack-request-id"
    ] == ("req-mine")


class TestOrder:
    """The order of the checks is 401, 404, 405, 406, 403, 400."""

    BROKEN = b"{"
    REFUSED = "eve@library reader"

    @pytest.mark.parametrize(
        ("method", "path", "by", "accept", "status"),
        [
            ("BREW", "nonsense", None, "text/html", 401),
            ("BREW", "nonsense", REFUSED, "text/html", 404),
            ("BREW", "jobs", REFUSED, "text/html", 405),
            ("POST", "jobs", REFUSED, "text/html", 406),
            ("POST", "jobs", REFUSED, "application/json", 403),
            ("POST", "jobs", "alice", "application/json", 400),
        ],
    )
    def test_status_is_that_of_the_first_failed_check(
        self, client: Client, method: str, path: str, by: str | None, accept: str, status: int
    ) -> None:
        answer = client.unchecked(method, path, self.BROKEN, by=by, headers={"Accept": accept})
        assert answer.status == status


class TestKeystoneFailures:
    @pytest.mark.parametrize("paste", [OURS, DEPLOYERS / "e1-paste.ini"], ids=["ours", "e1"])
    def test_silent_keystone_is_503(self, serve: Serve, keystone: Keystone, identity, paste: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/v3"
            client = Client(serve(paste, auth_url=url, http_connect_timeout="1"), V1, identity)
            begun = time.monotonic()
            answer = client("GET", "jobs")
            assert answer.status == 503
            assert time.monotonic() - begun < 10
            assert client("GET", "/", by=None).status == 300

    def test_unknown_account_is_503(self, serve: Serve, identity) -> None:
        answer = Client(serve(password="wrong"), V1, identity)("GET", "jobs")
        assert answer.status == 503
