# SPDX-License-Identifier: Apache-2.0
"""Shipped files for hosting: systemd units, sockets, modes of files, and the container image."""

import configparser
import fnmatch
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.hosting.hosts import (
    ROOT,
    UWSGI,
    ForeignApacheBeforeUWSGI,
    FreezerAPI,
    Host,
    ModWSGI,
    Place,
    group_of,
    owner,
    program,
    replaced,
)
from tests.support.http_client import ask
from tests.support.service import OPEN_PASTE

COMMAND = str(Path(sys.executable).with_name("freezer-api"))
UNITS = sorted((ROOT / "etc/systemd").iterdir())
# Each instruction is a keyword and its arguments, which may continue on the next lines.
_INSTRUCTION = re.compile(r"^([A-Z]+) ((?:[^\n]*\\\n)*[^\n]*)$", re.MULTILINE)


def instructions() -> list[tuple[str, str]]:
    return _INSTRUCTION.findall((ROOT / "Containerfile").read_text())


def of(name: str) -> list[str]:
    return [rest for word, rest in instructions() if word == name]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_every_unit(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text()
    if "/usr/bin/freezer-api\n" in text:
        text = replaced(text, {"/usr/bin/freezer-api\n": f"{COMMAND}\n"})
    (tmp_path / unit.name).write_text(text)
    command = [program("systemd-analyze"), "--man=no", "verify", str(tmp_path / unit.name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def section_service(unit: Path) -> configparser.SectionProxy:
    parsed = configparser.RawConfigParser(strict=False)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read(unit)
    return parsed["Service"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_commands_of_a_unit_exist(unit: Path) -> None:
    service = section_service(unit)
    scripts = {script.name for script in entry_points(group="console_scripts")}
    started = service["ExecStart"].split()[0]
    assert Path(started).name in scripts or shutil.which(started) or program("uwsgi")
    if "ExecReload" in service:
        reload = service["ExecReload"].split()[0]
        assert shutil.which(reload) or program(reload)
    # systemd has to wait longer than the service waits for running requests.
    assert int(service["TimeoutStopSec"]) > 25


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit_limits_memory_and_tasks_and_restricts_directories(unit: Path) -> None:
    service = section_service(unit)
    assert (service["MemoryMax"], service["TasksMax"], service["UMask"]) == ("2G", "512", "0027")
    modes = {name: value for name, value in service.items() if name.endswith("DirectoryMode")}
    assert set(modes.values()) == {"0750"}
    assert {f"{name}Mode" for name in service if name.endswith("Directory")} == set(modes)


def mode_of(path: Path) -> str:
    return oct(path.stat().st_mode & 0o7777)


@pytest.mark.parametrize("member", [True, False])
def test_uwsgi_socket_admits_only_the_group(
    place: Place, started: Callable[[Host], Host], *, member: bool
) -> None:
    apache = ForeignApacheBeforeUWSGI(place, member=member)
    if member:
        assert ask(f"{started(apache).url}/").status == 300
    else:
        # Apache is running, but its account cannot connect to the socket.
        apache.answers = lambda: ask_status(apache) == 503  # type: ignore[method-assign]
        started(apache)
        assert "Permission denied" in apache.logged()
    assert mode_of(apache.socket) == "0o660"
    assert (apache.socket.owner(), apache.socket.group()) == (owner(), group_of(owner()))


def ask_status(host: Host) -> int:
    try:
        return ask(f"{host.url}/healthcheck").status
    except OSError:
        return 0


@pytest.mark.slow
def test_socket_with_mode_666_admits_other_accounts(place: Place, started: Callable[[Host], Host]) -> None:
    apache = ForeignApacheBeforeUWSGI(place, member=False, change={"chmod-socket = 660": "chmod-socket = 666"})
    assert ask(f"{started(apache).url}/").status == 300


@pytest.mark.parametrize(
    "host",
    [FreezerAPI, pytest.param(UWSGI, marks=pytest.mark.slow), pytest.param(ModWSGI, marks=pytest.mark.slow)],
)
def test_files_of_the_service_are_not_world_readable(
    place: Place, started: Callable[[Host], Host], host: Callable[[Place], Host]
) -> None:
    place.configure(
        OPEN_PASTE, f"[DEFAULT]\nlog_dir = {place.data}\n[gunicorn]\naccesslog = {place.data}/access.log"
    )
    before = os.umask(0)
    try:
        serving = started(host(place))
    finally:
        os.umask(before)
    assert ask(f"{serving.url}/v1/jobs").status == 200
    files = {file.name: mode_of(file) for file in place.data.rglob("*") if file.is_file()}
    assert files.pop("freezer.sqlite") == "0o600"
    assert files["freezer-api.log"] == "0o640"
    assert all(mode in ("0o640", "0o600") for mode in files.values()), files


@pytest.mark.slow
def test_systemd_is_notified_of_readiness(place: Place, started: Callable[[Host], Host]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(60)
        manager.bind(str(place.path / "notify"))
        place.variables["NOTIFY_SOCKET"] = str(place.path / "notify")
        host = started(FreezerAPI(place))
        assert b"READY=1" in manager.recv(4096).split(b"\n")
        host.process.send_signal(signal.SIGHUP)
        assert host.stop() == 0


def ignored(path: str) -> bool:
    """Return whether the build context excludes the path: the last matching line decides."""
    left_out = False
    for line in (ROOT / ".containerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and fnmatch.fnmatch(path, pattern):
            left_out = not line.startswith("!")
    return left_out


def test_build_context_of_the_image_is_complete() -> None:
    assert (ROOT / ".dockerignore").read_text() == (ROOT / ".containerignore").read_text()
    needed = [
        "setup.cfg",
        "setup.py",
        "pyproject.toml",
        "README.rst",
        "LICENSE",
        "freezer_api",
        "etc",
        "bin",
        ".git",
    ]
    assert [name for name in needed if ignored(name)] == []
    assert all(ignored(name) for name in (".venv", "tests", "bench-results"))
    assert all((ROOT / name).exists() for name in needed if name != ".git")


def test_base_of_the_image_is_pinned_by_digest() -> None:
    defaults = dict(rest.split("=", 1) for rest in of("ARG") if "=" in rest)
    assert of("FROM") == ["${BASE} AS build", "${BASE}"]
    assert re.fullmatch(r"docker\.io/library/python:3\.12-slim-bookworm@sha256:[0-9a-f]{64}", defaults["BASE"])


def test_image_starts_the_service_without_root() -> None:
    command = json.loads(of("CMD")[-1])
    # Arguments in the command would take precedence over the configuration file that the operator mounts.
    assert len(command) == 1
    assert command[0] in {script.name for script in entry_points(group="console_scripts")}
    (path,) = re.findall(r"PATH=(\S+):\$PATH", of("ENV")[0])
    (environment,) = re.findall(r"COPY --from=build (\S+) (\S+)", "\n".join(f"COPY {rest}" for rest in of("COPY")))
    assert environment == (path.removesuffix("/bin"),) * 2
    user = of("USER")[-1].split(":")[0]
    assert user.isdigit()
    assert int(user) > 0
    assert f"--uid {user} " in " ".join(of("RUN"))
    assert of("EXPOSE") == ["9090"]


@pytest.mark.slow
def test_health_check_of_the_image_detects_a_stopped_service(
    place: Place, started: Callable[[Host], Host]
) -> None:
    host = started(FreezerAPI(place))
    (check,) = (json.loads(rest.partition("CMD ")[2]) for rest in of("HEALTHCHECK"))
    words = [word.replace(":9090/", f":{host.port}/") for word in check]
    assert words != check
    assert subprocess.run([sys.executable, *words[1:]], check=False, timeout=300).returncode == 0
    host.end()
    assert subprocess.run([sys.executable, *words[1:]], check=False, timeout=300, capture_output=True).returncode


@pytest.mark.slow
def test_build_steps_of_the_image_install_command_and_files(tmp_path: Path) -> None:
    """Run the build steps on a clone without the excluded files."""
    if not (ROOT / ".git").exists():
        pytest.skip("images are built from a checkout only")
    subprocess.run(["git", "clone", "-q", str(ROOT), str(tmp_path / "src")], check=True, timeout=300)
    for entry in (tmp_path / "src").iterdir():
        if ignored(entry.name):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    target = tmp_path / "opt"
    (step,) = (rest for rest in of("RUN") if "venv" in rest)
    shell = step.replace("/opt/freezer-api", str(target)).replace("python -m venv", f"{sys.executable} -m venv")
    subprocess.run(
        ["sh", "-ec", shell],
        cwd=tmp_path / "src",
        capture_output=True,
        env=os.environ | {"EXTRAS": ""},
        check=True,
        timeout=600,
    )
    done = subprocess.run([target / "bin/freezer-api", "--version"], capture_output=True, check=True, timeout=300)
    assert done.stdout.strip()
    assert (target / "etc/freezer/uwsgi.conf").exists()
    assert (target / "share/freezer-api/systemd/freezer-api.service").exists()


def test_files_for_servers_are_installed() -> None:
    packaging = configparser.ConfigParser()
    packaging.read(ROOT / "setup.cfg")
    installed = packaging.get("options.data_files", "etc/freezer").split()
    shipped = [f"etc/freezer/{file.name}" for file in (ROOT / "etc/freezer").iterdir()]
    # The files from which the samples are generated are not installed.
    assert sorted(installed) == sorted(name for name in shipped if "-generator" not in name)
    units = packaging.get("options.data_files", "share/freezer-api/systemd").split()
    assert sorted(units) == [f"etc/systemd/{unit.name}" for unit in UNITS]
