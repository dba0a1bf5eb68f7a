# SPDX-License-Identifier: Apache-2.0
"""Policy files."""

import json
import re
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.routes import ROUTES, ROUTES_OF_V2
from tests.functional.versions import V1, Version

pytestmark = pytest.mark.any_store


class TestPolicyFile:
    @pytest.fixture
    def policy(self, conf: cfg.ConfigOpts, tmp_path: Path, version: Version) -> Path:
        """The path of the deployer's policy file, which the configuration selects."""
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
            **{route.rule: "" for route in ROUTES_OF_V2},
        }
        policy.write_text(json.dumps(rules))
        client = request.getfixturevalue("client")
        for route in ROUTES if client.version is V1 else ROUTES_OF_V2:
            path = re.sub(r"{.*?}", "x", route.path)[1:]
            assert client(route.method, path, by="alice@library none").status != 403
        client("POST", "clients", {"client_id": "node1"})
        assert client("GET", "clients/node1", by="bob none").status == 404
        assert client("GET", "clients", by="bob none").json == {"clients": []}
