# SPDX-License-Identifier: Apache-2.0
"""A process that forks workers has no connection to the store and no thread that the workers would inherit."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.stores.faults.load import until
from tests.support.service import OPEN_PASTE, Service

LOAD = """
import sys
import freezer_api.wsgi
from tests.support.service import OPEN_PASTE
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
    until(lambda: len(os.listdir(f"/proc/{pid}/task")) == 1)
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
    until(lambda: not first & workers(service) and len(workers(service)) >= 2)
    assert service.request("GET", "/v1/jobs") == (200, {"jobs": []})
    assert_nothing_to_inherit(pid, listeners=1)


def test_loaded_application_has_no_connection_or_thread(store: Path | None, tmp_path: Path) -> None:
    """gunicorn with ``--preload`` and uWSGI without ``lazy-apps`` load it before they fork."""
    paste, config = tmp_path / "paste.ini", tmp_path / "wsgi.conf"
    paste.write_text(OPEN_PASTE)
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
