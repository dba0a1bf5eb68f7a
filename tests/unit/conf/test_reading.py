# SPDX-License-Identifier: Apache-2.0
"""An error in the configuration is one line with the group, the option and the file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.conf import opts, reading
from freezer_api.errors import ConfigurationError

Refuse = Callable[[str], str]


def _read(*arguments: str) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    opts.register(conf)
    reading.read(conf, arguments, "freezer-api", "")
    reading.check_values(conf)
    return conf


def _refused(*arguments: str) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        _read(*arguments)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.fixture
def refuse(tmp_path: Path) -> Refuse:
    """Return a function that returns the error for a file of this text, without the name of the file."""

    def _refuse(text: str) -> str:
        file = tmp_path / "freezer.conf"
        file.write_text(text)
        line = _refused("--config-file", str(file))
        return line.replace(str(file), "FILE")

    return _refuse


@pytest.mark.parametrize(
    ("group", "option", "reason"),
    [
        ("DEFAULT", "bind_port = abc", "abc"),
        ("DEFAULT", "bind_port = 70000", "65535"),
        ("DEFAULT", "bind_host = a b", "a b is not a valid host address"),
        ("DEFAULT", "threads = 0", "Should be greater than or equal to 1"),
        ("DEFAULT", "workers = many", "many"),
        ("DEFAULT", "enable_v1_api = maybe", "Unexpected boolean value 'maybe'"),
        ("api", "max_limit = 0", "Should be greater than or equal to 1"),
        ("centralized_scheduler", "enabled =", "Unexpected boolean value ''"),
        ("elasticsearch", "number_of_replicas = -1", "Should be greater than or equal to 0"),
        ("elasticsearch", "index = Upper", "'Upper' doesn't match regex"),
        ("elasticsearch", "verify_certs = 2", "Unexpected boolean value '2'"),
        ("storage", "timeout = 0", "Should be greater than or equal to 1"),
    ],
)
def test_invalid_value_is_refused(refuse: Refuse, group: str, option: str, reason: str) -> None:
    line = refuse(f"[{group}]\n{option}\n")
    assert line.startswith(f"[{group}] {option.partition(' ')[0]} in FILE: ")
    assert reason in line


@pytest.mark.parametrize("value", ["secret$word", "secret${word}", "secret$storage"])
def test_reference_to_unknown_option_is_refused_without_the_value(refuse: Refuse, value: str) -> None:
    reason = "the option after $ does not exist; write $$ for a literal $"
    assert refuse(f"[elasticsearch]\npassword = {value}\n") == f"[elasticsearch] password in FILE: {reason}"


def test_error_names_the_last_file_that_sets_the_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, inside = tmp_path / "a.conf", tmp_path / "b.conf", tmp_path / "freezer.conf.d" / "c.conf"
    first.write_text("[elasticsearch]\ntimeout = 1\nretries = 1\n")
    second.write_text("[elasticsearch]\ntimeout = x\n[DEFAULT]\nbind_port = x\n")
    inside.parent.mkdir()
    inside.write_text("[elasticsearch]\nretries = x\n[DEFAULT]\nbind_port = 1\n")
    files = ("--config-file", str(first), f"--config-file={second}")
    directory = ("--config-dir", str(inside.parent))
    assert f"[DEFAULT] bind_port in {second}: " in _refused(*files)
    assert f"[elasticsearch] timeout in {second}: " in _refused(*files, *directory)
    second.write_text("[elasticsearch]\nindex = fine\n")
    assert _refused(*files, *directory).startswith(f"[elasticsearch] retries in {inside}: ")
    monkeypatch.setenv(reading.FILES, f"{first};{second}")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _refused().startswith(f"[elasticsearch] retries in {inside}: ")


def test_error_does_not_name_a_file_with_the_name_in_another_group(tmp_path: Path) -> None:
    first, second = tmp_path / "a.conf", tmp_path / "b.conf"
    first.write_text("[elasticsearch]\ntimeout = x\n")
    second.write_text("[gunicorn]\ntimeout = 60\n[storage]\nindex = Upper\n")
    files = ("--config-file", str(first), "--config-file", str(second))
    assert f"[storage] index in {second}: " in _refused(*files)
    second.write_text("[gunicorn]\ntimeout = 60\n")
    assert f"[elasticsearch] timeout in {first}: " in _refused(*files)


def test_invalid_value_in_the_environment_names_no_file(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_API__MAX_LIMIT", "x")
    assert refuse("").startswith("[api] max_limit: ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[api]\nsecret word", "line 2: No ':' or '=' found in assignment"),
        ("[api\n", "line 1: Invalid section (must end with ])"),
        (" secret\n", "line 1: Unexpected continuation line"),
        ("[api]\n= secret: word\n", "line 2: Key cannot be empty"),
    ],
)
def test_syntax_error_names_the_line_without_its_text(refuse: Refuse, text: str, reason: str) -> None:
    assert refuse(text) == f"the configuration file FILE cannot be used: {reason}"


def test_unreadable_files_and_directories_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latin = tmp_path / "latin.conf"
    latin.write_bytes(b"\xff")
    (tmp_path / ".hidden.conf").mkdir()
    missing = tmp_path / "missing"
    for arguments, line in {
        ("--config-file", str(missing)): f"file {missing} cannot be read: No such file or directory",
        ("--config-dir", str(missing)): f"directory {missing} cannot be read: No such file or directory",
        ("--config-file", str(tmp_path)): f"file {tmp_path} cannot be read: Is a directory",
        ("--config-file", str(latin)): f"file {latin} is not written in UTF-8",
        ("--config-dir", str(latin)): f"directory {latin} cannot be read: Not a directory",
        ("--config-dir", str(tmp_path)): f"file {latin} is not written in UTF-8",
    }.items():
        assert _refused(*arguments) == f"the configuration {line}"
    monkeypatch.setenv(reading.FILES, str(missing))
    assert _refused().startswith(f"the configuration file {missing} cannot be read: ")


def test_invalid_command_line_is_reported_by_its_parser(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        _read("--config-file")
    assert ended.value.code == 2
    assert "--config-file" in capsys.readouterr().err


def test_group_is_located_in_any_case(tmp_path: Path) -> None:
    file = tmp_path / "freezer.conf"
    file.write_text("[Storage]\ndriver = x\n")
    conf = _read("--config-file", str(file))
    assert reading.locate(conf, "storage", "driver") == f"[storage] driver in {file}"
