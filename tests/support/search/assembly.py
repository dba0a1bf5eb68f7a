# SPDX-License-Identifier: Apache-2.0
"""Assemble the jars, modules and launcher of a server in one directory of the cache, once."""

import fcntl
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.search import Failed, Missing
from tests.support.search.jdk import Jdk
from tests.support.search.versions import POM, Module, Version

_SOURCES = POM.with_name("java")


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "freezer-api-search-servers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def assembled(version: Version, jdk: Jdk) -> Path:
    """Return the directory of the assembled server. Assemble it if it is missing or its sources have changed."""
    folder, made_from = cache() / version.name, _made_from(version)
    stamp = folder / "made-from"
    with _locked():
        if not (stamp.exists() and stamp.read_text() == made_from):
            shutil.rmtree(folder, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=cache(), prefix=f".{version.name}-") as temporary:
                build = Path(temporary) / "build"
                _assemble(build, version, jdk)
                (build / stamp.name).write_text(made_from)
                build.rename(folder)
    return folder


@contextmanager
def _locked() -> Iterator[None]:
    """Hold the lock of the cache directory, because concurrent processes cannot use one Maven repository."""
    with (cache() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _made_from(version: Version) -> str:
    digest = hashlib.sha256(repr(version).encode())
    for file in (POM, *sorted(_SOURCES.glob("*.java"))):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _assemble(build: Path, version: Version, jdk: Jdk) -> None:
    _download(build / "lib", version)
    for module in version.modules:
        folder = _module(build, version, module)
        for jar in module.jars:
            (build / "lib" / f"{jar}-{version.exact}.jar").rename(folder / f"{jar}.jar")
    (build / "plugins").mkdir()
    _compile(build / "classes", version, jdk, str(build), "NodeMain")
    if version.root_plugin:
        _root_module(build, version, jdk)


def _download(folder: Path, version: Version) -> None:
    maven = shlex.split(os.environ.get("FREEZER_ES_MVN", "mvn"))
    if shutil.which(maven[0]) is None:
        raise Missing(f"Maven is needed to assemble it the first time; {maven[0]} was not found")
    profiles = ",".join(version.profiles)
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={folder}", "-DincludeScope=runtime"]
    command = [*maven, "-B", "-q", "-f", str(POM), "-P", profiles, *goal]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"Maven could not download the jars: {_first_error(done.stdout + done.stderr)}")


def _first_error(output: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output).strip()
    return next((line for line in plain.splitlines() if "ERROR" in line), plain)[:500]


def _module(build: Path, version: Version, module: Module) -> Path:
    folder = build / "modules" / module.name
    folder.mkdir(parents=True)
    properties = {
        "name": module.name,
        "description": module.name,
        "version": version.exact,
        f"{version.engine}.version": version.exact,
        "java.version": "11",
        "classname": module.plugin,
        **({"extended.plugins": module.extends} if module.extends else {}),
    }
    lines = [f"{key}={value}\n" for key, value in properties.items()]
    (folder / "plugin-descriptor.properties").write_text("".join(lines))
    return folder


def _root_module(build: Path, version: Version, jdk: Jdk) -> None:
    """Build the module that answers ``GET /``, which the vendor does not publish."""
    folder = _module(build, version, Module("root-info", f"freezer.es.{version.root_plugin}", ()))
    with tempfile.TemporaryDirectory() as temporary:
        classes = Path(temporary, "classes")
        _compile(classes, version, jdk, f"{build}/lib/*", "RootHandler", version.root_plugin)
        archive = shutil.make_archive(f"{temporary}/root-info", "zip", classes)
        shutil.move(archive, folder / "root-info.jar")


def _compile(folder: Path, version: Version, jdk: Jdk, class_path: str, *names: str) -> None:
    folder.mkdir()
    sources = [str(_SOURCES / f"{name}.java") for name in names]
    options = ["-nowarn", "-proc:none", "--release", str(version.java.start), "-cp", class_path, "-d", str(folder)]
    done = subprocess.run([jdk.tool("javac"), *options, *sources], check=False, capture_output=True, text=True)
    if done.returncode:
        raise Failed(f"javac failed: {done.stderr.strip()[:1000]}")
