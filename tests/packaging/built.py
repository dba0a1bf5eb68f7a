# SPDX-License-Identifier: Apache-2.0
"""Copies of the source, and their archives and wheels. Nothing is written into the checkout."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from tests.support.left_out import leave_out

ROOT = Path(__file__).parents[2]


def git(tree: Path, *arguments: str) -> str:
    """Return the output of the command."""
    who = ["-c", "user.name=Tests", "-c", "user.email=tests@example.org"]
    command = ["git", "-C", str(tree), *who, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def files() -> list[str]:
    """Return the paths of the source files, including uncommitted ones."""
    if not (ROOT / ".git").exists():
        leave_out("this is no clone of the repository, which knows what belongs to the source")
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return sorted({name for name in listed if name and (ROOT / name).exists()})


def plain_tree(directory: Path) -> Path:
    """Copy the source without git."""
    for name in files():
        copy = directory / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, copy, follow_symlinks=False)
    return directory


def clone(directory: Path) -> Path:
    """Clone the source without tags, and commit the changes that are not committed."""
    git(ROOT, "clone", "--quiet", "--no-tags", str(ROOT), str(directory))
    git(directory, "rm", "--quiet", "-r", ".")
    plain_tree(directory)
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--allow-empty", "--message", "Not committed yet")
    return directory


class Built(NamedTuple):
    """A source archive and the wheel built from it."""

    archive: Path
    wheel: Path

    def archived(self) -> list[str]:
        """Return the paths in the source archive, relative to its top directory."""
        with tarfile.open(self.archive) as archive:
            return sorted(member.name.partition("/")[2] for member in archive if member.isfile())

    def packed(self) -> list[str]:
        with zipfile.ZipFile(self.wheel) as wheel:
            return sorted(wheel.namelist())


def build(tree: Path, directory: Path) -> Built:
    """Build the archive, and the wheel from the archive."""
    done = subprocess.run(
        [sys.executable, "-m", "build", "--outdir", directory, tree], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "deprecat" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr
    (archive,), (wheel,) = directory.glob("*.tar.gz"), directory.glob("*.whl")
    return Built(archive, wheel)
