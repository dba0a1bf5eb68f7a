"""Where a file is looked for when nobody has put one of his own anywhere."""

from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api import search_path

ROOT = Path(__file__).parents[2]


@pytest.fixture
def conf() -> cfg.ConfigOpts:
    read = cfg.ConfigOpts()
    read([], project="freezer", default_config_files=[], default_config_dirs=[])
    return read


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_source_tree_has_its_files_beside_the_package(conf: cfg.ConfigOpts, home: Path) -> None:
    assert search_path.find(conf, "freezer-config-generator.conf") == (
        ROOT / "etc/freezer/freezer-config-generator.conf"
    )


def test_the_own_file_goes_before(conf: cfg.ConfigOpts, home: Path) -> None:
    own = home / ".freezer-api/freezer-config-generator.conf"
    own.parent.mkdir()
    own.touch()
    assert search_path.find(conf, own.name) == own


def test_what_is_nowhere(conf: cfg.ConfigOpts, home: Path) -> None:
    assert search_path.find(conf, "no-such.ini") is None
