# SPDX-License-Identifier: Apache-2.0
"""python -m tests.packaging.interpreters VERSION: print the path of a Python of this version, such as 3.12."""

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13")
"""Python versions that the package supports."""

_ASKED = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"


def find(version: str) -> Path | None:
    """Return the first usable Python of this version: the running one, one on the path, or one of pyenv."""
    return next((found for found in _candidates(version) if _is(found, version)), None)


def _candidates(version: str) -> Iterator[Path]:
    yield Path(sys.executable)
    for directory in os.get_exec_path():
        yield Path(directory) / f"python{version}"
    root = os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv"
    yield from map(Path, sorted(glob.glob(f"{root}/versions/{version}.*/bin/python{version}")))


def _is(python: Path, version: str) -> bool:
    """Return whether this Python has the version and can create environments. A shim of pyenv may do neither."""
    if shutil.which(python) is None:
        return False
    answer = subprocess.run([python, "-c", _ASKED], capture_output=True, text=True, check=False)
    return answer.stdout.strip() == version


def main() -> int:
    found = find(sys.argv[1])
    print(found or f"there is no Python {sys.argv[1]}", file=sys.stdout if found else sys.stderr)
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
