"""One node: a process, and a folder with its configuration, log and process id.

The folder is all there is to know, so that another process can act on the node as well.
"""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.support.search import Failed

_TIED = [sys.executable, "-I", "-S", str(Path(__file__).with_name("tied.py"))]
# A tied process dies with the *thread* that started it, so they all are started by one that lasts.
_STARTER = ThreadPoolExecutor(1, "search-servers")
# Below what the system hands out for connections: nobody takes the port of a node that is down.
# Each worker of pytest-xdist has ports of its own.
_WORKER, _WORKERS = (os.environ.get(f"PYTEST_XDIST_WORKER{name}", "") for name in ("", "_COUNT"))
_PORTS = range(20000 + int(_WORKER.removeprefix("gw") or 0), 32000, int(_WORKERS or 1))
_OURS: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Node:
    name: str
    url: str
    folder: Path
    command: tuple[str, ...]

    @property
    def log(self) -> Path:
        return self.folder / "node.log"

    @property
    def alive(self) -> bool:
        return self.pid is not None

    @property
    def pid(self) -> int | None:
        """The process id, as long as the process runs; paused counts as running."""
        try:
            pid, started = map(int, (self.folder / "pid").read_text().split())
        except FileNotFoundError:
            return None
        if pid in _OURS and _OURS[pid].poll() is not None:
            del _OURS[pid]
        return pid if pid in _OURS or _started(pid) == started else None

    def launch(self, *, tied: bool) -> None:
        """Starts the process and does not wait; tied, it dies with this one."""
        if self.alive:
            raise Failed(f"{self.name} runs already")
        process = _STARTER.submit(self._spawn, [*_TIED, str(os.getpid())] if tied else []).result()
        _OURS[process.pid] = process
        (self.folder / "pid").write_text(f"{process.pid} {_started(process.pid) or 0}\n")

    def _spawn(self, before: list[str]) -> subprocess.Popen[bytes]:
        scratch = self.folder / "tmp"
        scratch.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*before, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=scratch,
                start_new_session=True,
            )

    def stop(self, grace: float = 30) -> None:
        """SIGTERM, and SIGKILL for one that does not end by it."""
        self.ask_to_stop()
        if not self._ended(grace):
            self.kill()

    def ask_to_stop(self) -> None:
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL."""
        self._signal(signal.SIGKILL)
        if not self._ended(30):
            raise Failed(f"{self.name} survives SIGKILL")

    def pause(self) -> None:
        """SIGSTOP: it accepts connections and does not answer."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if (pid := self.pid) is not None:
            os.kill(pid, number)

    def _ended(self, grace: float) -> bool:
        deadline = time.monotonic() + grace
        while self.alive and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self.alive

    def logged(self, since: int = 0, lines: int = 40) -> str:
        """The last lines of what was logged after that many bytes."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(since)
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])

    def trouble(self) -> str:
        """What went wrong, in a line if the log has one, and the log's end."""
        text = self.logged(lines=200)
        pattern = r"^(?!\[\S+\]\[INFO|\s+at ).*?\b([\w.$]+(?:Exception|Error)\b(?:: .*)?)$"
        reasons = re.findall(pattern, text, re.MULTILINE)
        return f"{reasons[0][:300] if reasons else 'see the log'}\n{self.log}:\n{self.logged()}"


def _started(pid: int) -> int | None:
    """When the process started, which tells it from a later one with its id; None when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    if fields[0] == "X" or (fields[0] == "Z" and _threads(pid) <= 1):
        return None
    return int(fields[19])


def _threads(pid: int) -> int:
    """While a killed process still has some beside its first, its sockets are open."""
    try:
        return len(list(Path(f"/proc/{pid}/task").iterdir()))
    except OSError:
        return 0


def free_ports(count: int) -> list[int]:
    ports: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        if len(ports) == count:
            return ports
        if _is_free(port):
            ports.append(port)
    raise Failed(f"there are no {count} free ports in {_PORTS}")


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
