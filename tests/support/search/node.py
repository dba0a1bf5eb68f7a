# SPDX-License-Identifier: Apache-2.0
"""One node: a process, and a directory with its configuration and log."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.search import Failed

_TIED = [sys.executable, "-I", "-S", str(Path(__file__).with_name("tied.py"))]
# A tied process ends with the *thread* that started it, so one thread that never ends starts all of them.
_STARTER = ThreadPoolExecutor(1, "search-servers")
# Ports below the range of outgoing connections, so that the port of a stopped node stays free.
# Each worker of pytest-xdist has its own ports.
_WORKER, _WORKERS = (os.environ.get(f"PYTEST_XDIST_WORKER{name}", "") for name in ("", "_COUNT"))
_PORTS = range(20000 + int(_WORKER.removeprefix("gw") or 0), 32000, int(_WORKERS or 1))


@dataclass(eq=False)
class Node:
    """A node, started by ``launch``. Its process ends with the process that started it."""

    name: str
    url: str
    folder: Path
    command: tuple[str, ...]
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        return self.folder / "node.log"

    @property
    def alive(self) -> bool:
        return self.pid is not None

    @property
    def pid(self) -> int | None:
        """The process id; None if the process has ended."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def launch(self) -> None:
        """Start the process and do not wait for it."""
        if self.alive:
            raise Failed(f"{self.name} is running already")
        self._process = _STARTER.submit(self._spawn).result()

    def _spawn(self) -> subprocess.Popen[bytes]:
        scratch = self.folder / "tmp"
        scratch.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*_TIED, str(os.getpid()), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=scratch,
                start_new_session=True,
            )

    def stop(self, grace: float = 30) -> None:
        """Send SIGTERM, and SIGKILL if the process does not end in time."""
        self.send_sigterm()
        if not self._has_ended(grace):
            self.kill()

    def send_sigterm(self) -> None:
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """Send SIGKILL and wait."""
        self._signal(signal.SIGKILL)
        if not self._has_ended(30):
            raise Failed(f"{self.name} survives SIGKILL")

    def pause(self) -> None:
        """Send SIGSTOP: the node accepts connections and does not answer."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if (pid := self.pid) is not None:
            os.kill(pid, number)

    def _has_ended(self, timeout: float) -> bool:
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout)
        return not self.alive

    def logged(self, since: int = 0, lines: int = 40) -> str:
        """Return the last lines that were logged after this number of bytes."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(since)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])

    def describe_failure(self) -> str:
        """Return the first error in the log, if there is one, and the end of the log."""
        text = self.logged(lines=200)
        pattern = r"^(?!\[\S+\]\[INFO|\s+at ).*?\b([\w.$]+(?:Exception|Error)\b(?:: .*)?)$"
        reasons = re.findall(pattern, text, re.MULTILINE)
        return f"{reasons[0][:300] if reasons else 'see the log'}\n{self.log}:\n{self.logged()}"


def free_ports(count: int) -> list[int]:
    ports: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        if len(ports) == count:
            return ports
        if _is_free(port):
            ports.append(port)
    raise Failed(f"fewer than {count} ports are free in {_PORTS}")


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
