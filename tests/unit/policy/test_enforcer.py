# SPDX-License-Identifier: Apache-2.0
"""Policy decisions are cached for some seconds, and changed files take effect afterwards."""

from dataclasses import replace
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.context import Caller
from freezer_api.errors import ConfigurationError
from freezer_api.policy.enforcer import MAX_DECISIONS, RELOAD_INTERVAL, Enforcement
from tests.support.clock import Clock

ALICE = Caller("alice", project_id="library", roles=("member",))


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    return tmp_path / "policy.yaml"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _configured(policy_file: Path) -> cfg.ConfigOpts:
    configuration = policy_file.with_suffix(".conf")
    configuration.write_text(f"[oslo_policy]\npolicy_file = {policy_file}\n")
    conf = cfg.ConfigOpts()
    conf(["--config-file", str(configuration)], project="freezer")
    return conf


@pytest.fixture
def rules(policy_file: Path, clock: Clock) -> Enforcement:
    return Enforcement(_configured(policy_file), clock)


def _allows(rules: Enforcement, caller: Caller = ALICE, project_id: str | None = "library") -> bool:
    return rules.allows("jobs:get", caller, project_id)


def test_changed_file_takes_effect_within_the_interval(
    rules: Enforcement, policy_file: Path, clock: Clock
) -> None:
    assert _allows(rules)
    policy_file.write_text('"jobs:get": "!"\n')
    clock.now += RELOAD_INTERVAL - 0.1
    # The decision for this caller is not cached, but the file is not read again yet.
    assert _allows(rules, replace(ALICE, user_id="bob"))
    clock.now += 0.2
    assert not _allows(rules)
    policy_file.unlink()
    clock.now += RELOAD_INTERVAL + 0.1
    assert _allows(rules)
    assert RELOAD_INTERVAL <= 5


def test_cache_of_decisions_is_bounded(rules: Enforcement, policy_file: Path) -> None:
    for number in range(MAX_DECISIONS):
        rules._decisions[("jobs:get", Caller(f"user{number}"), "library")] = True
    policy_file.write_text('"jobs:get": "!"\n')
    assert not _allows(rules)
    assert len(rules._decisions) == 1


@pytest.mark.parametrize("caller", [Caller("alice", roles=("admin",)), Caller("alice", roles=("member",))])
@pytest.mark.parametrize("project_id", [None, "library"])
def test_missing_project_matches_no_rule(rules: Enforcement, caller: Caller, project_id: str | None) -> None:
    assert not _allows(rules, caller, project_id)
    assert not _allows(rules, ALICE, None)


def test_system_scope_is_refused(rules: Enforcement) -> None:
    assert not _allows(rules, Caller("root", project_id="library", roles=("admin",), system_scope="all"))


def test_invalid_file_at_the_start_is_refused(policy_file: Path, clock: Clock) -> None:
    policy_file.write_text("jobs:get: [[\n")
    with pytest.raises(ConfigurationError, match=r"policy.yaml cannot be used: .* line 2"):
        Enforcement(_configured(policy_file), clock)


def test_invalid_change_is_logged_and_keeps_the_rules(
    rules: Enforcement, policy_file: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    policy_file.write_text('"jobs:get": "!"\n')
    clock.now += RELOAD_INTERVAL
    assert not _allows(rules)
    policy_file.write_text('"jobs:get": "role:member or"\n')
    for _ in range(3):
        clock.now += RELOAD_INTERVAL
        assert not _allows(rules)
    (error,) = (record for record in caplog.records if record.levelname == "ERROR")
    assert error.getMessage().endswith("the rule jobs:get cannot be parsed: role:member or")
    policy_file.write_text('"jobs:get": "role:member"\n')
    clock.now += RELOAD_INTERVAL
    assert _allows(rules)
