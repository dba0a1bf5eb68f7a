# SPDX-License-Identifier: Apache-2.0
"""Start servers in separate processes, measure them from outside, and stop them."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SERVICE = (sys.executable, "-m", "freezer_api.cmd.api", "--standalone", "--port", "0")
HELLO = (sys.executable, "-m", "bench.hello")

_ADDRESS = re.compile(r"Server listening on 127\.0\.0\.1:([0-9]+)\n")
_SESSION, _TIMES = 3, slice(11, 13)
"""Positions of fields in ``/proc/<pid>/stat``, counted after the name of the process."""


class Server:
    """A running server: an arbiter, its workers and their port."""

    def __init__(self, session: int, port: int) -> None:
        self.port = port
        self._session = session

    def _processes(self) -> Iterator[Path]:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if int(_stat(process)[_SESSION]) == self._session:
                    yield process
            except OSError:  # the process has ended
                continue

    def cpu(self) -> float:
        """Return the CPU seconds of all processes of the server, in user mode and in the kernel."""
        return sum(map(_cpu, self._processes()))

    def memory(self) -> int:
        """Return the memory of all processes of the server in bytes. Shared pages are divided among them (PSS)."""
        return sum(map(_memory, self._processes()))


def _stat(process: Path) -> list[str]:
    return (process / "stat").read_text().rpartition(")")[2].split()


def _cpu(process: Path) -> float:
    exact = [int(task.read_text().split()[0]) for task in process.glob("task/*/schedstat")]
    if exact:
        return sum(exact) / 1e9
    return sum(map(int, _stat(process)[_TIMES])) / os.sysconf("SC_CLK_TCK")


def _memory(process: Path) -> int:
    match = re.search(r"^Pss: +([0-9]+) kB$", (process / "smaps_rollup").read_text(), re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[Server]:
    """Start ``command``, whose first line of output has to be its address, and stop it at the end."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        match = _ADDRESS.fullmatch(first)
        if match is None:
            raise RuntimeError(f"{command} printed {first!r} instead of its address; log:\n{log.read_text()}")
        yield Server(process.pid, int(match[1]))
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
    finally:
        if process.stdout is not None:
            process.stdout.close()
