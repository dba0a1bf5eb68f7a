# SPDX-License-Identifier: Apache-2.0
"""Search servers end with the process that started them, and a server that cannot be started is reported."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.search.shared import SearchServers

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]

_START = """
import sys, threading, time
from pathlib import Path
from tests.support.search.node import Node
node = Node("node-1", "", Path(sys.argv[1]), ("/bin/sleep", "600"))
thread = threading.Thread(target=node.launch)
thread.start()
thread.join()
while b"sleep" not in Path(f"/proc/{node.pid}/cmdline").read_bytes().split(b"\\0")[0]:
    time.sleep(0.01)
if sys.argv[2] == "paused":
    node.pause()
print(node.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("state", ["running", "paused"])
def test_node_ends_with_the_killed_process_that_started_it(tmp_path: Path, state: str) -> None:
    """The node does not end with the thread that started it."""
    starter = subprocess.Popen([sys.executable, "-c", _START, tmp_path, state], cwd=ROOT, stdout=subprocess.PIPE)
    assert starter.stdout is not None
    node = int(starter.stdout.readline())
    assert _is_running(node)
    starter.kill()
    starter.communicate()
    deadline = time.monotonic() + 60
    while _is_running(node):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def _run_pytest(folder: Path, test: str, code: int) -> str:
    """Return the output of pytest for one file with this test."""
    (folder / "test_inner.py").write_text(test)
    plugins = ["-p", "no:cacheprovider", "-p", "tests.support.left_out", "-p", "tests.support.fixtures"]
    options = [*plugins, f"--basetemp={folder / 'inner'}", f"--rootdir={folder}"]
    command = [sys.executable, "-m", "pytest", *options, str(folder / "test_inner.py")]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


_USES_A_SERVER = """
import pytest

@pytest.mark.parametrize("number", [1, 2])
def test_server(search_servers, number):
    search_servers.server("elasticsearch", "9")
"""
_FAILS = """
def test_fails(search_servers):
    server = search_servers.server("elasticsearch", "9")
    server.request("PUT", "/seen-in-the-log")
    print(f"the pid is {server.nodes[0].pid}.")
    assert False
"""


@pytest.mark.parametrize(
    ("ci", "code", "expected"),
    [
        ("", 0, "elasticsearch 9: Java 21 or newer is needed (a JDK with javac), found none (2 tests)\n"),
        ("true", 1, "under CI nothing may be missing: elasticsearch 9: Java 21"),
    ],
    ids=["skipped", "failed under CI"],
)
def test_missing_jdk_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, code: int, expected: str
) -> None:
    for variable in ("FREEZER_ES_JAVA_HOME", "JAVA_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    monkeypatch.setenv("CI", ci)
    assert expected in _run_pytest(tmp_path, _USES_A_SERVER, code)


def test_failed_start_reports_the_log_and_leaves_no_process(search_servers: SearchServers, tmp_path: Path) -> None:
    # Skip this test if the server cannot be started on this machine.
    search_servers.cluster("elasticsearch", "9")
    output = _run_pytest(tmp_path, _FAILS, code=1)
    assert "log of search server" in output
    assert "creating index" in output
    assert "[seen-in-the-log]" in output
    pid = re.search(r"the pid is (\d+)", output)
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid[1]), 0)
