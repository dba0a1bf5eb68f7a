"""Which policy files are read, and what is said of those that cannot be."""

from pathlib import Path

import pytest
from oslo_config import cfg
from oslo_policy import opts

from freezer_api.errors import ConfigurationError
from freezer_api.policy import policy_files
from tests.compat.deployers import DEPLOYERS


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the configuration; nobody's home is looked into."""
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


def test_no_file_is_no_rule(etc: Path) -> None:
    assert _read(_conf(etc)) == {}


def test_the_file_beside_the_configuration(etc: Path) -> None:
    (etc / "policy.yaml").write_text("a: role:b")
    assert _read(_conf(etc)) == {"a": "role:b"}
    (etc / "other.yaml").write_text("a: role:c")
    assert _read(_conf(etc, "policy_file = other.yaml")) == {"a": "role:c"}
    assert _read(_conf(etc, f"policy_file = {etc}/other.yaml")) == {"a": "role:c"}


def test_an_empty_name_is_none(etc: Path) -> None:
    assert policy_files.found(_conf(etc, "policy_file =")) == policy_files.Files()
    (etc / "policy.yaml").write_text("jobs:get: role:new")
    assert _read(_conf(etc, "policy_file =")) == {"jobs:get": "role:new"}


def test_directories_are_read_after_it_in_order(etc: Path) -> None:
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


def test_the_old_name_counts_while_nobody_names_one(etc: Path, caplog: pytest.LogCaptureFixture) -> None:
    (etc / "policy.json").write_bytes((DEPLOYERS / "e1-policy.json").read_bytes())
    assert _read(_conf(etc))["jobs:get"] == "@"
    assert f"so {etc}/policy.json counts" in caplog.text
    assert _read(_conf(etc, "policy_file = policy.yaml")) == {}
    assert "There is no policy file policy.yaml, so the defaults count" in caplog.text
    assert _read(_conf(etc, "policy_file = policy.json"))["jobs:get"] == "@"
    (etc / "policy.yaml").write_text("jobs:get: role:new")
    assert _read(_conf(etc)) == {"jobs:get": "role:new"}


def test_a_change_is_noticed(etc: Path) -> None:
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
def test_an_empty_file_leaves_the_defaults(etc: Path, text: str) -> None:
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
def test_a_rule_in_the_language_of_oslo_policy(etc: Path, text: str, check: str) -> None:
    (etc / "policy.yaml").write_text(f"a: {text}")
    assert _read(_conf(etc)) == {"a": check}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [[\n", "line 2"),
        ("\ta: ''\n", "line 1"),
        ("[a]", "it does not hold rules by their names"),
        ("7", "it does not hold rules by their names"),
        ("open", "it does not hold rules by their names"),
        ("7: role:a", "7 is no name of a rule"),
        ("a: null", "the rule a is null"),
        ("a: 7", "the rule a is no text"),
        ("a: true", "the rule a is no text"),
        ("a: {b: c}", "the rule a is no text"),
        ("a: nonsense", "the rule a cannot be understood: nonsense"),
        ("a: role:b or nonsense", "the rule a cannot be understood: role:b or nonsense"),
        ("a: role:b or", "the rule a cannot be understood: role:b or"),
        ("a: (role:b", "the rule a cannot be understood: (role:b"),
        ("a: '! role:b'", "the rule a cannot be understood: ! role:b"),
        ("a: [7]", "the rule a cannot be understood"),
        ("a: [[7]]", "the rule a cannot be understood"),
        ("a: [['nonsense']]", "the rule a cannot be understood"),
        (b"a: \xff", "can't decode byte"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_rule_or_line(
    etc: Path, text: str | bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    (etc / "policy.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError) as refused:
        _read(_conf(etc))
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"the policy file {etc}/policy.yaml cannot be used: ")
    assert reason in line
    assert not caplog.records


def test_rules_that_refer_to_themselves(etc: Path) -> None:
    (etc / "policy.yaml").write_text(
        "{a: 'role:x or rule:b', b: 'not (rule:c and rule:d)', c: 'rule:a', d: role:x}"
    )
    with pytest.raises(ConfigurationError, match="a -> b -> c -> a"):
        _read(_conf(etc))


def test_what_is_no_directory_of_files(etc: Path) -> None:
    (etc / "policy.d").write_text("")
    with pytest.raises(
        ConfigurationError, match=r"the policy directory .*/policy.d cannot be used: Not a directory"
    ):
        policy_files.found(_conf(etc))


def test_a_file_that_cannot_be_read(etc: Path) -> None:
    (etc / "policy.d").mkdir()
    (etc / "policy.yaml").mkdir()
    with pytest.raises(ConfigurationError, match=r"policy.yaml cannot be used: Is a directory"):
        _read(_conf(etc))


def test_a_file_that_goes_while_it_is_looked_at(etc: Path) -> None:
    assert policy_files._stamp(etc / "gone") != policy_files._stamp(etc)


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ('{"jobs:get": "role:member"}', False),
        ('\ufeff{"jobs:get": "role:member"}', False),
        ('{"jobs:get": "role:a,]"}', False),
        ('{"jobs:get": "role:member",}', True),
        ('{"jobs:get": [["role:member",],]\n, \n}', True),
        ("{'jobs:get': 'role:member'}", False),
        ('{"jobs:get": "role:member" # for now\n}', False),
    ],
)
def test_a_comma_before_a_closing_bracket_is_found(tmp_path: Path, text: str, has: bool) -> None:
    file = tmp_path / "policy.json"
    file.write_text(text)
    assert policy_files.has_trailing_comma(file) is has
