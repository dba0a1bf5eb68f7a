# SPDX-License-Identifier: Apache-2.0
"""The tools of oslo.policy find the rules and the policy file of the service by its entry points."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from freezer_api.policies import list_rules

BIN = Path(sys.executable).parent
NAMES = {rule.name for rule in list_rules()}


def tool(name: str, *arguments: str) -> str:
    command = [BIN / name, "--namespace", "freezer-api", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout


@pytest.fixture
def configuration(tmp_path: Path) -> str:
    (tmp_path / "policy.yaml").write_text('"jobs:get": "role:auditor"\n"context_is_admin": "role:admin"\n')
    path = tmp_path / "freezer.conf"
    path.write_text(f"[oslo_policy]\npolicy_file = {tmp_path}/policy.yaml\n")
    return str(path)


def test_sample_has_every_rule_commented_out() -> None:
    sample = tool("oslopolicy-sample-generator")
    assert yaml.safe_load(sample) is None
    for name in NAMES:
        assert f'#"{name}": ' in sample
    assert "# GET  /v1/jobs/{job_id}" in sample


def test_shipped_sample_is_current() -> None:
    shipped = Path(__file__).parents[2] / "etc/freezer/freezer.policy.yaml.sample"
    assert shipped.read_text().rstrip() == tool("oslopolicy-sample-generator").rstrip(), "run make samples"


def test_generator_merges_file_and_defaults(configuration: str) -> None:
    policy = yaml.safe_load(tool("oslopolicy-policy-generator", "--config-file", configuration))
    assert policy.keys() == NAMES
    assert policy["jobs:get"] == "role:auditor"


def test_redundant_rules_are_listed(configuration: str) -> None:
    redundant = tool("oslopolicy-list-redundant", "--config-file", configuration)
    assert redundant.split() == ['"context_is_admin":', '"role:admin"']


def test_valid_file_passes_the_validator(configuration: str) -> None:
    assert tool("oslopolicy-validator", "--config-file", configuration) == ""


def test_checker_reports_the_rules_of_a_token(configuration: str, tmp_path: Path) -> None:
    user = {"id": "alice", "domain": {"id": "default"}}
    token = {
        "token": {
            "roles": [{"name": "auditor"}],
            "project": {"id": "p", "domain": {"id": "default"}},
            "user": user,
        }
    }
    (tmp_path / "token.json").write_text(json.dumps(token))
    rules = tmp_path / "all.yaml"
    rules.write_text(tool("oslopolicy-policy-generator", "--config-file", configuration))
    command = [BIN / "oslopolicy-checker", "--policy", rules, "--access", tmp_path / "token.json"]
    lines = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout.splitlines()
    assert "passed: jobs:get" in lines
    assert "failed: jobs:get_all" in lines
