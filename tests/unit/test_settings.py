"""What a configuration that cannot be used is told, in one line that names the group, the option and the file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.conf import opts, reading
from freezer_api.errors import ConfigurationError

Read = Callable[..., cfg.ConfigOpts]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """The configuration that this file makes; ``arguments`` stand before it on the command line."""

    def _read(text: str, *arguments: str) -> cfg.ConfigOpts:
        (tmp_path / "freezer.conf").write_text(text)
        return read_from(*arguments, "--config-file", str(tmp_path / "freezer.conf"))

    return _read


def read_from(*arguments: str, files: tuple[str, ...] = (), directories: tuple[str, ...] = ()) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    opts.register(conf)
    common = [*opts.BIND, *opts.SERVER]
    reading.read(
        conf, list(arguments), common, files=list(files), directories=list(directories), project="freezer"
    )
    reading.check_values(conf)
    return conf


def refused(read: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as refusal:
        read()
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


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
def test_a_value_that_cannot_be(read: Read, tmp_path: Path, group: str, option: str, reason: str) -> None:
    line = refused(lambda: read(f"[{group}]\n{option}\n"))
    name = option.partition(" ")[0]
    assert line.startswith(f"[{group}] {name} in {tmp_path}/freezer.conf: ")
    assert reason in line


@pytest.mark.parametrize("value", ["secret$word", "secret${word}", "secret$storage"])
def test_a_reference_that_leads_nowhere_is_told_without_the_value(read: Read, tmp_path: Path, value: str) -> None:
    line = refused(lambda: read(f"[elasticsearch]\npassword = {value}\n"))
    assert line == (
        f"[elasticsearch] password in {tmp_path}/freezer.conf: "
        "what it refers to with $ cannot be found; $$ stands for one $"
    )


def test_the_file_is_the_one_that_has_the_last_word(tmp_path: Path) -> None:
    first, second, inside = tmp_path / "a.conf", tmp_path / "b.conf", tmp_path / "c.d" / "c.conf"
    first.write_text("[elasticsearch]\ntimeout = 1\nretries = 1\n")
    second.write_text("[elasticsearch]\ntimeout = x\n[DEFAULT]\nbind_port = x\n")
    inside.parent.mkdir()
    inside.write_text("[elasticsearch]\nretries = x\n[DEFAULT]\nbind_port = 1\n")
    files = ("--config-file", str(first), f"--config-file={second}")
    assert f"[DEFAULT] bind_port in {second}: " in refused(lambda: read_from(*files))
    assert f"[elasticsearch] timeout in {second}: " in refused(
        lambda: read_from(*files, "--config-dir", str(inside.parent))
    )
    second.write_text("[elasticsearch]\nindex = fine\n")
    for arguments in (
        lambda: read_from(*files, "--config-dir", str(inside.parent)),
        lambda: read_from(files=(str(first), str(second)), directories=(str(inside.parent),)),
    ):
        assert refused(arguments).startswith(f"[elasticsearch] retries in {inside}: ")


def test_an_option_of_the_same_name_in_another_group_is_another(tmp_path: Path) -> None:
    first, second = tmp_path / "a.conf", tmp_path / "b.conf"
    first.write_text("[elasticsearch]\ntimeout = x\n")
    second.write_text("[gunicorn]\ntimeout = 60\n[storage]\nindex = Upper\n")
    files = ("--config-file", str(first), "--config-file", str(second))
    assert f"[storage] index in {second}: " in refused(lambda: read_from(*files))
    second.write_text("[gunicorn]\ntimeout = 60\n")
    assert f"[elasticsearch] timeout in {first}: " in refused(lambda: read_from(*files))


def test_what_the_environment_sets_is_in_no_file(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_API__MAX_LIMIT", "x")
    assert refused(lambda: read("")).startswith("[api] max_limit: ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[api]\nsecret word", "line 2: No ':' or '=' found in assignment"),
        ("[api\n", "line 1: Invalid section (must end with ])"),
        (" secret\n", "line 1: Unexpected continuation line"),
        ("[api]\n= secret: word\n", "line 2: Key cannot be empty"),
    ],
)
def test_a_file_that_is_none_is_told_without_its_text(read: Read, tmp_path: Path, text: str, reason: str) -> None:
    line = refused(lambda: read(text))
    assert line == f"the configuration file {tmp_path}/freezer.conf cannot be used: {reason}"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    there = tmp_path / "there.conf"
    there.write_bytes(b"\xff")
    missing = tmp_path / "missing"
    for named, line in {
        ("--config-file", str(missing)): f"there is no configuration file {missing}",
        ("--config-dir", str(missing)): f"there is no configuration directory {missing}",
        ("--config-file", str(tmp_path)): f"the configuration file {tmp_path} cannot be read: Is a directory",
        ("--config-file", str(there)): f"the configuration file {there} is not written in UTF-8",
        ("--config-dir", str(there)): f"the configuration directory {there} cannot be read: Not a directory",
        ("--config-dir", str(tmp_path)): f"the configuration file {there} is not written in UTF-8",
    }.items():
        assert refused(lambda named=named: read_from(*named)) == line
    assert refused(lambda: read_from(files=(str(missing),))) == f"there is no configuration file {missing}"


def test_the_command_line_tells_of_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_from("--config-file")
    assert ended.value.code == 2
    assert "--config-file" in capsys.readouterr().err
