# SPDX-License-Identifier: Apache-2.0
"""Find and parse policy files, and report errors in them."""

from pathlib import Path

import pytest
from oslo_config import cfg
from oslo_policy import opts

from freezer_api.errors import ConfigurationError
from freezer_api.policy import policy_files
from tests.compat.deployers import DEPLOYERS


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of the configuration. The home directory is empty."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    directory = tmp_path / "etc"
    directory.mkdir()
    return directory


def _conf(etc: Path, section: str = "") -> cfg.ConfigOpts:
    (etc / "freezer.conf").write_text(f"[oslo_policy]\n{section}\n")
    conf = cfg.ConfigOpts()
    opts._register(conf)
    conf(["--config-file", str(etc / "freezer.conf")], project="freezer")
    return conf


def _read(conf: cfg.ConfigOpts) -> dict[str, str]:
    return {name: str(check) for name, check in policy_files.read(policy_files.found(conf), {}).items()}


def test_without_a_file_there_are_no_rules(etc: Path) -> None:
    assert _read(_conf(etc)) == {}


def test_file_beside_the_configuration_is_read(etc: Path) -> None:
    (etc / "policy.yaml").write_text("a: role:b")
    assert _read(_conf(etc)) == {"a": "role:b"}
    (etc / "other.yaml").write_text("a: role:c")
    assert _read(_conf(etc, "policy_file = other.yaml")) == {"a": "role:c"}
    assert _read(_conf(etc, f"policy_file = {etc}/other.yaml")) == {"a": "role:c"}


def test_empty_name_of_the_policy_file_means_the_default(etc: Path) -> None:
    assert policy_files.found(_conf(etc, "policy_file =")) == policy_files.Files()
    (etc / "policy.yaml").write_text("jobs:get: role:new")
    assert _read(_conf(etc, "policy_file =")) == {"jobs:get": "role:new"}


def test_directories_are_read_after_the_file_in_order(etc: Path) -> None:
    (etc / "policy.yaml").write_text("{a: role:1, b: role:1, c: role:1}")
    (etc / "policy.d").mkdir()
    (etc / "policy.d/20.yaml").write_text("c: role:3")
    (etc / "policy.d/10.json").write_text('{"b": "role:2", "c": "role:2",}')
    (etc / "policy.d/.hidden").write_text("d: role:4")
    (etc / "policy.d/inner").mkdir()
    assert _read(_conf(etc)) == {"a": "role:1", "b": "role:2", "c": "role:3"}
    (etc / "more").mkdir()
    (etc / "more/a").write_text("a: role:9")
    assert _read(_conf(etc, "policy_dirs = policy.d\npolicy_dirs = more"))["a"] == "role:9"


def test_policy_json_is_read_if_no_file_is_configured(etc: Path, caplog: pytest.LogCaptureFixture) -> None:
    (etc / "policy.json").write_bytes((DEPLOYERS / "e1-policy.json").read_bytes())
    assert _read(_conf(etc))["jobs:get"] == "@"
    assert f"{etc}/policy.json is read: convert it to YAML" in caplog.text
    assert _read(_conf(etc, "policy_file = policy.yaml")) == {}
    assert "The policy file policy.yaml does not exist: the default rules apply" in caplog.text
    assert _read(_conf(etc, "policy_file = policy.json"))["jobs:get"] == "@"
    (etc / "policy.yaml").write_text("jobs:get: role:new")
    assert _read(_conf(etc)) == {"jobs:get": "role:new"}


def test_every_change_is_detected(etc: Path) -> None:
    conf = _conf(etc)
    seen = [policy_files.found(conf)]
    (etc / "policy.yaml").write_text("a: role:b")
    seen.append(policy_files.found(conf))
    (etc / "policy.yaml").write_text("a: role:bc")
    seen.append(policy_files.found(conf))
    (etc / "policy.d").mkdir()
    (etc / "policy.d/a").touch()
    seen.append(policy_files.found(conf))
    assert len(set(seen)) == 4
    assert policy_files.found(conf) == seen[-1]


@pytest.mark.parametrize("text", ["", "null", "{}", "[]", "# nothing", "---"])
def test_empty_file_has_no_rules(etc: Path, text: str) -> None:
    (etc / "policy.yaml").write_text(text)
    assert _read(_conf(etc)) == {}


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ('""', "@"),
        ('"@"', "@"),
        ('"!"', "!"),
        ("'(!)'", "!"),
        ("'not !'", "not !"),
        ("role:a or role:b", "(role:a or role:b)"),
        ("'role:a AND not role:b'", "(role:a and not role:b)"),
        ("project_id:%(project_id)s", "project_id:%(project_id)s"),
        ("[]", "@"),
        ("[['role:a'], ['role:b', 'role:c']]", "(role:a or (role:b and role:c))"),
    ],
)
def test_rule_is_parsed_by_oslo_policy(etc: Path, text: str, check: str) -> None:
    (etc / "policy.yaml").write_text(f"a: {text}")
    assert _read(_conf(etc)) == {"a": check}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [[\n", "line 2"),
        ("\ta: ''\n", "line 1"),
        ("[a]", "it is not a mapping of rule names to rules"),
        ("7", "it is not a mapping of rule names to rules"),
        ("open", "it is not a mapping of rule names to rules"),
        ("7: role:a", "7 is not a valid rule name"),
        ("a: null", "the rule a is null"),
        ("a: 7", "the rule a is not a string"),
        ("a: true", "the rule a is not a string"),
        ("a: {b: c}", "the rule a is not a string"),
        ("a: nonsense", "the rule a cannot be parsed: nonsense"),
        ("a: role:b or nonsense", "the rule a cannot be parsed: role:b or nonsense"),
        ("a: role:b or", "the rule a cannot be parsed: role:b or"),
        ("a: (role:b", "the rule a cannot be parsed: (role:b"),
        ("a: '! role:b'", "the rule a cannot be parsed: ! role:b"),
        ("a: [7]", "the rule a cannot be parsed"),
        ("a: [[7]]", "the rule a cannot be parsed"),
        ("a: [['nonsense']]", "the rule a cannot be parsed"),
        (b"a: \xff", "can't decode byte"),
    ],
)
def test_error_names_the_file_and_the_rule_or_line(
    etc: Path, text: str | bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    (etc / "policy.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError) as refused:
        _read(_conf(etc))
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"the policy file {etc}/policy.yaml cannot be used: ")
    assert reason in line
    assert not caplog.records


def test_cycle_of_rules_is_refused(etc: Path) -> None:
    (etc / "policy.yaml").write_text(
        "{a: 'role:x or rule:b', b: 'not (rule:c and rule:d)', c: 'rule:a', d: role:x}"
    )
    with pytest.raises(ConfigurationError, match="a -> b -> c -> a"):
        _read(_conf(etc))


@pytest.mark.parametrize(
    ("directory", "file", "reason"),
    [
        ("policy.yaml", "policy.d", "directory {}/policy.d cannot be used: Not a directory"),
        ("policy.yaml", "other", "file {}/policy.yaml cannot be used: Is a directory"),
    ],
)
def test_directory_and_file_of_the_wrong_type_are_refused(
    etc: Path, directory: str, file: str, reason: str
) -> None:
    (etc / directory).mkdir()
    (etc / file).write_text("")
    with pytest.raises(ConfigurationError) as refused:
        _read(_conf(etc))
    assert str(refused.value) == f"the policy {reason.format(etc)}"


def test_file_removed_while_it_is_inspected_is_a_change(etc: Path) -> None:
    assert policy_files._stamp(etc / "gone") != policy_files._stamp(etc)


@pytest.mark.parametrize(
    ("text", "is_json"),
    [
        ('{"jobs:get": "role:member"}', True),
        ('\ufeff {"jobs:get": "role:member",}', True),
        ("jobs:get: role:member", False),
        ("{}", False),
        ("null", False),
    ],
)
def test_json_with_rules_is_detected(etc: Path, text: str, is_json: bool) -> None:
    (etc / "policy.yaml").write_text(text)
    files = policy_files.found(_conf(etc))
    assert policy_files.written_as_json(files) == [etc / "policy.yaml"] * is_json
