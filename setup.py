# SPDX-License-Identifier: Apache-2.0
"""Build the package with pbr, which reads the version and the list of files from git. The rest is in setup.cfg."""

import configparser
import os
import subprocess
from pathlib import Path

import setuptools

HERE = Path(__file__).resolve().parent


def version_is_known() -> bool:
    """Return whether pbr can determine the version: in a source archive, at a tag, or by counting commits."""
    if (HERE / "PKG-INFO").exists():
        return True
    return git_knows("describe", "--exact-match") or git_knows("rev-parse", "HEAD~1")


def git_knows(*question: str) -> bool:
    """Return whether this git command succeeds; False also without git or without a usable repository."""
    try:
        answer = subprocess.run(["git", "-C", HERE, *question], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return answer.returncode == 0


def next_release() -> str:
    config = configparser.ConfigParser()
    config.read(HERE / "setup.cfg", encoding="utf-8")
    return config["metadata"]["version"]


# Ignore a git repository in a parent directory of this tree.
os.environ["GIT_CEILING_DIRECTORIES"] = str(HERE.parent)
if not version_is_known():
    os.environ.setdefault("PBR_VERSION", f"{next_release()}.dev0")

setuptools.setup(pbr=True)
