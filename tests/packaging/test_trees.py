# SPDX-License-Identifier: Apache-2.0
"""The version of each kind of source tree, and `make run` in a tree without git."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from build.util import project_wheel_metadata

from tests.packaging.built import ROOT, Built, build, clone, git, plain_tree
from tests.packaging.environment import Environment, check_it_has_a_paste_file
from tests.packaging.interpreters import VERSIONS, find
from tests.support.left_out import leave_out

pytestmark = pytest.mark.slow


def next_release() -> str:
    named = re.search(r"^version = (\S+)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    assert named
    return named[1]


def version(tree: Path) -> str:
    return project_wheel_metadata(tree)["Version"]


@pytest.fixture
def cloned(tmp_path: Path) -> Path:
    return clone(tmp_path / "clone")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return plain_tree(tmp_path / "copy")


def test_version_is_the_tag_or_counts_commits(cloned: Path) -> None:
    before = version(cloned)
    git(cloned, "commit", "--quiet", "--allow-empty", "--message", "One more")
    after = version(cloned)
    count = re.compile(rf"{re.escape(next_release())}\.dev(\d+)")
    numbers = [count.fullmatch(text) for text in (before, after)]
    assert all(numbers), (before, after)
    first, second = (int(number[1]) for number in numbers if number)
    assert second == first + 1
    git(cloned, "tag", "--annotate", "--message", "Released", next_release())
    assert version(cloned) == next_release()


def test_build_after_a_tag_needs_the_next_version(cloned: Path) -> None:
    git(cloned, "tag", "--annotate", "--message", "Released", next_release())
    git(cloned, "commit", "--quiet", "--allow-empty", "--message", "One more")
    done = subprocess.run([sys.executable, "-m", "build", cloned], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "setup.cfg: ValueError: git history requires a target version of" in done.stdout + done.stderr


@pytest.mark.parametrize("tagged", [False, True])
def test_shallow_clone_has_a_dev_version(cloned: Path, tmp_path: Path, tagged: bool) -> None:
    if tagged:
        git(cloned, "tag", "--annotate", "--message", "Released", next_release())
    git(cloned, "clone", "--quiet", "--depth", "1", cloned.as_uri(), str(tmp_path / "shallow"))
    assert version(tmp_path / "shallow") == next_release() + ("" if tagged else ".dev0")


def test_build_without_git_is_dev0(copied: Path, tmp_path: Path, built: Built) -> None:
    without_git = build(copied, tmp_path / "built")
    assert without_git.wheel.name.split("-")[1] == f"{next_release()}.dev0"
    assert set(built.archived()) - set(without_git.archived()) == {
        "AUTHORS",
        "ChangeLog",
        "freezer_api.egg-info/pbr.json",
    }
    assert "etc/freezer/freezer-paste.ini" in without_git.archived()


def test_other_repository_around_the_tree_is_ignored(copied: Path) -> None:
    git(copied.parent, "init", "--quiet")
    git(copied.parent, "commit", "--quiet", "--allow-empty", "--message", "Something else")
    git(copied.parent, "tag", "--annotate", "--message", "Something else", "47.11")
    assert version(copied) == f"{next_release()}.dev0"


def test_editable_installation_has_version_and_paste_file(cloned: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path, VERSIONS[-1])
    environment.install("--editable", str(cloned))
    assert environment.run("freezer-api", "--version").strip() == version(cloned)
    check_it_has_a_paste_file(environment)


def test_make_run_needs_no_git(copied: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for directory in ("/usr/bin", "/bin"):
        for program in Path(directory).iterdir():
            if not program.name.startswith(("git", "python")) and not (programs / program.name).exists():
                (programs / program.name).symlink_to(program)
    (programs / "python3").symlink_to(find(VERSIONS[0]) or leave_out(f"there is no Python {VERSIONS[0]}"))
    assert shutil.which("git", path=str(programs)) is None
    # Remove the variables of ``make``, which may have started the tests.
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "run", "ARGS=--version"],
        cwd=copied,
        env={**variables, "PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{next_release()}.dev0"
