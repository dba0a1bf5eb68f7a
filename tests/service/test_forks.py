# SPDX-License-Identifier: Apache-2.0
"""A process that forks workers has no connection to the store and no thread that the workers would inherit."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.service import Service

PASTE = "[app:main]\npaste.app_factory = freezer_api.service:freezer_app_factory\n"

LOAD = """
import sys
import freezer_api.wsgi
print("loaded", flush=True)
sys.stdin.readline()
"""


def sockets(pid: int) -> int:
    return sum(target.startswith("socket:") for target in descriptors(pid))


def descriptors(pid: int) -> list[str]:
    """Return what the descriptors of the process refer to, such as ``socket:[1234]`` or a path."""
    return [os.readlink(descriptor) for descriptor in Path(f"/proc/{pid}/fd").iterdir()]


def assert_nothing_to_inherit(pid: int, *, listeners: int) -> None:
    # A thread may still be ending.
    deadline = time.monotonic() + 30
    while len(os.listdir(f"/proc/{pid}/task")) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(os.listdir(f"/proc/{pid}/task")) == 1
    assert sockets(pid) == listeners
    assert not [path for path in descriptors(pid) if "sqlite" in path]


def workers(service: Service) -> set[str]:
    return set(Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children").read_text().split())


def test_arbiter_has_no_connection_or_thread(start_service: Callable[..., Service], store: Path | None) -> None:
    service = start_service(config=store)
    pid = service.process.pid
    assert service.request("GET", "/v1/jobs") == (200, {"jobs": []})
    assert_nothing_to_inherit(pid, listeners=1)

    first = workers(service)
    service.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 60
    while (first & workers(service) or len(workers(service)) < 2) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not first & workers(service)
    assert service.request("GET", "/v1/jobs") == (200, {"jobs": []})
    assert_nothing_to_inherit(pid, listeners=1)


def test_loaded_application_has_no_connection_or_thread(store: Path | None, tmp_path: Path) -> None:
    """gunicorn with ``--preload`` and uWSGI without ``lazy-apps`` load it before they fork."""
    paste, config = tmp_path / "paste.ini", tmp_path / "wsgi.conf"
    paste.write_text(PASTE)
    config.write_text(f"{store.read_text() if store else ''}[paste_deploy]\nconfig_file = {paste}\n")
    variables = {**os.environ, "OS_FREEZER_CONFIG_FILES": str(config), "XDG_DATA_HOME": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", LOAD], env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"loaded\n"
        assert_nothing_to_inherit(process.pid, listeners=0)
        process.communicate()
    assert process.returncode == 0
