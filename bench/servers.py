# SPDX-License-Identifier: Apache-2.0
"""Start servers in separate processes, measure them from outside, and stop them."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

SERVICE = (sys.executable, "-m", "freezer_api.cmd.api", "--standalone", "--port", "0")
MANAGE = (sys.executable, "-m", "freezer_api.cmd.manage")
HELLO = (sys.executable, "-m", "bench.hello")

_ADDRESS = re.compile(r"Server listening on 127\.0\.0\.1:([0-9]+)\n")
_PARENT, _TIMES = 1, slice(11, 13)
"""Positions of fields in ``/proc/<pid>/stat``, counted after the name of the process."""


class Server:
    """A running server: an arbiter, its workers and their port."""

    def __init__(self, pid: int, port: int) -> None:
        self.port = port
        self._pid = pid

    def cpu(self) -> float:
        """Return the CPU seconds of all processes of the server, in user mode and in the kernel."""
        return tree_cpu(self._pid)

    def memory(self) -> int:
        """Return the memory of all processes of the server in bytes. Shared pages are divided among them (PSS)."""
        return sum(map(_memory, _processes(self._pid)))

    def _workers(self) -> list[Path]:
        return [process for process in _processes(self._pid) if process.name != str(self._pid)]

    def reset_peak(self) -> int:
        """Start to record the peak again, and return the memory of the largest worker in bytes."""
        for process in self._workers():
            (process / "clear_refs").write_text("5")
        return self.peak()

    def peak(self) -> int:
        """Return the peak of the resident memory of the largest worker in bytes."""
        return max(_kib(process / "status", "VmHWM") * 1024 for process in self._workers())


def tree_cpu(pid: int) -> float:
    """Return the CPU seconds of a process and its descendants."""
    return sum(map(_cpu, _processes(pid)))


def _processes(pid: int) -> list[Path]:
    """Return the process and its descendants."""
    children: dict[str, list[str]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # the process has ended
            children.setdefault(_stat(process)[_PARENT], []).append(process.name)
    found = [str(pid)]
    for one in found:
        found += children.get(one, ())
    return [Path("/proc", one) for one in found]


def _stat(process: Path) -> list[str]:
    return (process / "stat").read_text().rpartition(")")[2].split()


def _cpu(process: Path) -> float:
    exact = [int(task.read_text().split()[0]) for task in process.glob("task/*/schedstat")]
    if exact:
        return sum(exact) / 1e9
    return sum(map(int, _stat(process)[_TIMES])) / os.sysconf("SC_CLK_TCK")


def _memory(process: Path) -> int:
    return _kib(process / "smaps_rollup", "Pss") * 1024


def _kib(file: Path, name: str) -> int:
    match = re.search(rf"^{name}:\s+([0-9]+) kB$", file.read_text(), re.MULTILINE)
    return int(match[1]) if match else 0


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
