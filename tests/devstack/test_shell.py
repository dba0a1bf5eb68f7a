# SPDX-License-Identifier: Apache-2.0
"""Shell files pass shellcheck."""

import re
import shutil
import subprocess
from pathlib import Path

from tests.devstack.stack import PLUGIN, REPOSITORY
from tests.support.left_out import leave_out

CHECK = REPOSITORY / ".ci/shellcheck"


def test_shellcheck_finds_nothing():
    if shutil.which("shellcheck") is None:
        leave_out("shellcheck is not installed")
    done = subprocess.run([CHECK], check=False, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_every_shell_file_is_checked():
    checked = {REPOSITORY / name for name in re.findall(r"[\w.-]+(?:/[\w.-]+)+", CHECK.read_text())}
    assert shell_files() <= checked, shell_files() - checked


def shell_files() -> set[Path]:
    folders = (REPOSITORY / ".ci", PLUGIN, REPOSITORY / "tests/devstack")
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file() and "__" not in str(path))
    return {file for file in files if is_shell(file.read_text().splitlines()[:40])}


def is_shell(lines: list[str]) -> bool:
    return bool(lines) and (bool(re.match(r"#!.*\bbash$", lines[0])) or "# shellcheck shell=bash" in lines)
