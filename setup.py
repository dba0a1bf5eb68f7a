# SPDX-License-Identifier: Apache-2.0
"""pbr reads the version and the files of a build off git; everything else is in setup.cfg."""

import configparser
import os
import subprocess
from pathlib import Path

import setuptools

HERE = Path(__file__).resolve().parent


def version_is_known() -> bool:
    """Whether pbr finds the version by itself: in a source archive, at a tag, or by counting commits."""
    if (HERE / "PKG-INFO").exists():
        return True
    return git_knows("describe", "--exact-match") or git_knows("rev-parse", "HEAD~1")


def git_knows(*question: str) -> bool:
    """False as well where there is no git, no repository, or none that git trusts."""
    try:
        answer = subprocess.run(["git", "-C", HERE, *question], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return answer.returncode == 0


def next_release() -> str:
    config = configparser.ConfigParser()
    config.read(HERE / "setup.cfg", encoding="utf-8")
    return config["metadata"]["version"]


# A repository that this tree merely lies in says nothing about it.
os.environ["GIT_CEILING_DIRECTORIES"] = str(HERE.parent)
if not version_is_known():
    os.environ.setdefault("PBR_VERSION", f"{next_release()}.dev0")

setuptools.setup(pbr=True)
