# SPDX-License-Identifier: Apache-2.0
"""Find configuration files in the default places, and the files that the configuration names."""

from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.conf import search_path

NAME = "freezer-config-generator.conf"
SHIPPED = Path(__file__).parents[3] / "etc/freezer" / NAME


@pytest.fixture
def conf() -> cfg.ConfigOpts:
    read = cfg.ConfigOpts()
    read([], project="freezer", default_config_files=[], default_config_dirs=[])
    return read


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory that contains the home directory and those of the snap package."""
    for variable, name in (("HOME", "home"), ("SNAP", "snap"), ("SNAP_COMMON", "common")):
        monkeypatch.setenv(variable, str(tmp_path / name))
    return tmp_path


def _create(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir() if path.suffix == ".d" else path.touch()
    return str(path)


def test_first_file_of_each_name_is_found(root: Path) -> None:
    assert search_path.config_files() == []
    in_snap = [_create(root / "snap/etc/freezer" / name) for name in ("freezer.conf", "freezer-api.conf")]
    assert search_path.config_files() == in_snap
    common = _create(root / "common/etc/freezer/freezer.conf")
    assert search_path.config_files() == [common, in_snap[1]]
    at_home = _create(root / "home/freezer-api.conf")
    assert search_path.config_files() == [common, at_home]
    _create(root / "home/freezer.conf")
    first = _create(root / "home/.freezer/freezer.conf")
    assert search_path.config_files() == [first, at_home]


def test_first_directory_of_each_name_is_found(root: Path) -> None:
    assert search_path.config_dirs() == []
    in_snap = _create(root / "snap/etc/freezer/freezer.conf.d")
    _create(root / "home/freezer-api.conf.d")
    at_home = _create(root / "home/.freezer-api/freezer-api.conf.d")
    assert search_path.config_dirs() == [in_snap, at_home]


def test_account_without_home_directory_has_the_other_places(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    common = _create(root / "common/etc/freezer/freezer.conf")
    assert search_path.config_files() == [common]


def test_named_file_is_found_at_home_else_in_the_source_tree(conf: cfg.ConfigOpts, root: Path) -> None:
    assert search_path.find(conf, NAME) == SHIPPED
    own = _create(root / "home/.freezer-api" / NAME)
    assert search_path.find(conf, NAME) == Path(own)
    assert search_path.find(conf, "no-such.ini") is None
