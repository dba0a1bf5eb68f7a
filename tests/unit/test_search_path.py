"""Where the configuration is looked for when none is named, and the files that it names."""

from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.conf import search_path

ROOT = Path(__file__).parents[2]


@pytest.fixture
def conf() -> cfg.ConfigOpts:
    read = cfg.ConfigOpts()
    read([], project="freezer", default_config_files=[], default_config_dirs=[])
    return read


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SNAP", str(tmp_path / "snap"))
    monkeypatch.setenv("SNAP_COMMON", str(tmp_path / "common"))
    return tmp_path / "home"


def made(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if path.suffix == ".d" else path.touch()
    return str(path)


def test_of_each_name_the_first_that_there_is(tmp_path: Path, home: Path) -> None:
    assert search_path.config_files() == []
    in_snap = [made(tmp_path / "snap/etc/freezer" / name) for name in search_path.NAMES]
    assert search_path.config_files() == in_snap
    common = made(tmp_path / "common/etc/freezer/freezer.conf")
    assert search_path.config_files() == [common, in_snap[1]]
    ours = made(home / "freezer-api.conf")
    assert search_path.config_files() == [common, ours]
    made(home / "freezer.conf")
    first = made(home / ".freezer/freezer.conf")
    assert search_path.config_files() == [first, ours]


def test_directories_too(tmp_path: Path, home: Path) -> None:
    assert search_path.config_dirs() == []
    in_snap = made(tmp_path / "snap/etc/freezer/freezer.conf.d")
    made(home / "freezer-api.conf.d")
    ours = made(home / ".freezer-api/freezer-api.conf.d")
    assert search_path.config_dirs() == [in_snap, ours]


def test_who_has_no_home_has_the_other_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    common = made(tmp_path / "common/etc/freezer/freezer.conf")
    assert search_path.config_files() == [common]


def test_a_source_tree_has_its_files_beside_the_package(conf: cfg.ConfigOpts, home: Path) -> None:
    assert search_path.find(conf, "freezer-config-generator.conf") == (
        ROOT / "etc/freezer/freezer-config-generator.conf"
    )


def test_the_own_file_goes_before(conf: cfg.ConfigOpts, home: Path) -> None:
    own = home / ".freezer-api/freezer-config-generator.conf"
    own.parent.mkdir(parents=True)
    own.touch()
    assert search_path.find(conf, own.name) == own


def test_what_is_nowhere(conf: cfg.ConfigOpts, home: Path) -> None:
    assert search_path.find(conf, "no-such.ini") is None
