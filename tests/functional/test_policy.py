"""Policy rules in the own project."""

import json
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.policies import enforcer, list_rules
from tests.functional.client import Client
from tests.functional.versions import V1, Version

pytestmark = pytest.mark.any_store

RULES = {
    "backups:get_all": ("GET", "backups"),
    "backups:create": ("POST", "backups"),
    "backups:get": ("GET", "backups/x"),
    "backups:update": ("PATCH", "backups/x"),
    "backups:delete": ("DELETE", "backups/x"),
    "clients:get_all": ("GET", "clients"),
    "clients:create": ("POST", "clients"),
    "clients:get": ("GET", "clients/x"),
    "clients:update": ("PATCH", "clients/x"),
    "clients:delete": ("DELETE", "clients/x"),
    "jobs:get_all": ("GET", "jobs"),
    "jobs:create": ("POST", "jobs"),
    "jobs:create by id": ("POST", "jobs/x"),
    "jobs:get": ("GET", "jobs/x"),
    "jobs:update": ("PATCH", "jobs/x"),
    "jobs:delete": ("DELETE", "jobs/x"),
    "jobs:event:create": ("POST", "jobs/x/event"),
    "actions:get_all": ("GET", "actions"),
    "actions:create": ("POST", "actions"),
    "actions:get": ("GET", "actions/x"),
    "actions:update": ("PATCH", "actions/x"),
    "actions:replace": ("POST", "actions/x"),
    "actions:delete": ("DELETE", "actions/x"),
    "sessions:get_all": ("GET", "sessions"),
    "sessions:create": ("POST", "sessions"),
    "sessions:get": ("GET", "sessions/x"),
    "sessions:update": ("PATCH", "sessions/x"),
    "sessions:replace": ("POST", "sessions/x"),
    "sessions:delete": ("DELETE", "sessions/x"),
    "sessions:action:create": ("POST", "sessions/x/action"),
    "sessions:job:add": ("PUT", "sessions/x/jobs/y"),
    "sessions:job:remove": ("DELETE", "sessions/x/jobs/y"),
}
OF_V2 = {"backups:update"}
SILENT = {"projects:any", "jobs:get_all_projects", "clients:create_central"}
"""Asked besides the rule of the route; ``test_v2.py`` has them."""
READING = {rule for rule in RULES if ":get" in rule}
REPORTING = {"backups:create", "backups:update", "backups:delete"}

MAY = {
    "member": set(RULES),
    "admin": set(RULES),
    "reader": READING,
    "service": READING | REPORTING,
    "reader,service": READING | REPORTING,
    "other": set(),
    "members": set(),
}


def _allowed(client: Client, by: str) -> set[str]:
    allowed = set()
    for rule, (method, path) in RULES.items():
        if rule in OF_V2 and client.version is V1:
            continue
        answer = client(method, path, by=by)
        if answer.status == 403:
            assert answer.error[1:] == ("Access Forbidden", "You are not allowed to access this resource")
        else:
            allowed.add(rule)
    return allowed


@pytest.mark.parametrize("roles", MAY)
def test_fault_37_each_role_may_do_what_its_rules_say(client: Client, roles: str) -> None:
    assert _allowed(client, f"alice@library {roles}") == MAY[roles] & _offered(client)


def _offered(client: Client) -> set[str]:
    return RULES.keys() - (OF_V2 if client.version is V1 else set())


def test_oslo_policy_tools_get_all_rules() -> None:
    assert enforcer().registered_rules.keys() == {rule.name for rule in list_rules()}


def test_rules_have_their_original_names() -> None:
    names = {rule.name for rule in list_rules() if ":" in rule.name}
    assert names == {rule.split(" ")[0] for rule in RULES} | SILENT


class TestPolicyFile:
    @pytest.fixture
    def policy(self, conf: cfg.ConfigOpts, tmp_path: Path, version: Version) -> Path:
        """The deployer's policy file, named by the configuration."""
        path = tmp_path / "policy.yaml"
        configuration = tmp_path / "freezer-api.conf"
        configuration.write_text(f"[oslo_policy]\npolicy_file = {path}\n")
        conf(["--config-file", str(configuration)], project="freezer")
        return path

    @pytest.mark.usefixtures("repository")
    def test_policy_file_overrides_the_defaults(self, policy: Path, request: pytest.FixtureRequest) -> None:
        policy.write_text(
            """
            jobs:get_all: "!"
            jobs:get: role:auditor
            clients:create: ""
            actions:get: rule:nonsense
            """
        )
        client = request.getfixturevalue("client")
        assert client("GET", "jobs").status == 403
        assert client("GET", "jobs/x").status == 403
        assert client("GET", "jobs/x", by="alice@library auditor").status == 404
        assert client("POST", "clients", {"client_id": "node1"}, by="alice@library none").status == 201
        assert client("GET", "actions/x").status == 403
        assert client("GET", "backups").status == 200

    @pytest.mark.usefixtures("repository")
    def test_policy_file_of_first_releases_opens_no_foreign_document(
        self, policy: Path, request: pytest.FixtureRequest
    ) -> None:
        rules = {
            "context_is_admin": "role:admin",
            "admin_or_owner": "is_admin:True or project_id:%(project_id)s",
            "default": "rule:admin_or_owner",
            **{rule: "" for rule in RULES if " " not in rule},
        }
        policy.write_text(json.dumps(rules))
        client = request.getfixturevalue("client")
        assert _allowed(client, "alice@library none") == _offered(client)
        client("POST", "clients", {"client_id": "node1"})
        assert client("GET", "clients/node1", by="bob none").status == 404
        assert client("GET", "clients", by="bob none").json == {"clients": []}
