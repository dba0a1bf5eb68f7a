# SPDX-License-Identifier: Apache-2.0
"""Find the JDK for a server: in FREEZER_ES_JAVA_HOME, JAVA_HOME, the path, or beside the one on the path."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.search import Missing
from tests.support.search.versions import Version


@dataclass(frozen=True)
class Jdk:
    home: Path
    major: int

    def tool(self, name: str) -> str:
        return str(self.home / "bin" / name)


def find(version: Version) -> Jdk:
    """Return the first JDK with a version that the server supports."""
    found = [jdk for home in _homes() if (jdk := _read_version(home))]
    for jdk in found:
        if jdk.major in version.java:
            return jdk
    raise Missing(f"{_wanted(version.java)} is needed (a JDK with javac), {_seen(found)}")


def _homes() -> Iterator[Path]:
    for variable in ("FREEZER_ES_JAVA_HOME", "JAVA_HOME"):
        if os.environ.get(variable):
            yield Path(os.environ[variable])
    java = shutil.which("java")
    if java is not None:
        home = Path(java).resolve().parents[1]
        yield home
        yield from sorted(beside for beside in home.parent.iterdir() if (beside / "bin/java").exists())


@cache
def _read_version(home: Path) -> Jdk | None:
    if not (home / "bin/javac").exists():
        return None
    try:
        done = subprocess.run(
            [home / "bin/java", "-version"], check=False, capture_output=True, text=True, timeout=30
        )
    except OSError:
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', done.stderr + done.stdout)
    return Jdk(home, int(match[1])) if match else None


def _wanted(java: range) -> str:
    return f"Java {java.start} " + ("or newer" if java.stop == 100 else f"to {java.stop - 1}")


def _seen(found: list[Jdk]) -> str:
    majors = ", ".join(str(major) for major in sorted({jdk.major for jdk in found}))
    return f"found {majors}" if majors else "found none"
