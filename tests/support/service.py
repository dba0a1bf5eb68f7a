# SPDX-License-Identifier: Apache-2.0
"""The service as a process, in standalone mode or with a configuration."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

PRODUCTION = (sys.executable, "-m", "freezer_api.cmd.api")
COMMAND = (*PRODUCTION, "--standalone")

OPEN_PASTE = "[app:main]\npaste.app_factory = freezer_api.service:freezer_app_factory\n"
"""A paste pipeline without Keystone: tokens are not verified, and only this machine is served."""

MANAGE = (sys.executable, "-m", "freezer_api.cmd.manage")

AMPLE_DEADLINE = 50
"""Seconds, more than a call to a search server takes on a busy machine."""


def search_store(directory: Path, url: str, **options: object) -> Path:
    """Create a store on this search server. Return its configuration file."""
    file = directory / "freezer-api.conf"
    index = f"t{uuid.uuid4().hex}"
    usual = {"hosts": url, "index": index, "deadline": AMPLE_DEADLINE}
    lines = [f"{name} = {value}" for name, value in {**usual, **options}.items()]
    file.write_text("[elasticsearch]\n" + "\n".join(lines) + "\n")
    sync(file)
    _refresh_often(f"{url.partition(',')[0]}/{index}-*")
    return file


def _refresh_often(indices: str) -> None:
    """Shorten the interval of refreshes, for which each write waits. In production many writes share a refresh."""
    body = json.dumps({"index": {"refresh_interval": "2ms"}}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{indices}/_settings", body, headers, method="PUT")
    urllib.request.urlopen(request, timeout=120).close()


def sql_store(directory: Path, url: str, **options: object) -> Path:
    """Create a store in this database. Return its configuration file."""
    file = directory / "freezer-api.conf"
    lines = [f"{name} = {value}" for name, value in {"connection": url, **options}.items()]
    file.write_text("[database]\n" + "\n".join(lines) + "\n")
    sync(file)
    return file


def sync(config: Path) -> None:
    command = [*MANAGE, "--config-file", str(config), "db", "sync"]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


class Service:
    """``freezer-api --standalone`` as a process on a free port, with a store in ``data_dir`` or in ``config``."""

    def __init__(self, data_dir: Path, *arguments: str, config: Path | None = None) -> None:
        self.data_dir = data_dir
        self.arguments = arguments
        self.config = config
        self.log = data_dir.with_suffix(".log")
        self.port = 0
        self._process: subprocess.Popen[str] | None = None
        self._reader = threading.Thread()

    @property
    def index(self) -> str:
        """The prefix of the store's indices."""
        assert self.config is not None
        match = re.search(r"^index = (\w+)$", self.config.read_text(), re.MULTILINE)
        assert match
        return match[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None, "the service was not started"
        return self._process

    def start(self) -> "Service":
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                self._command(), stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        # Read the rest of stdout, so that the service never blocks on a full pipe.
        self._reader = threading.Thread(target=self.process.stdout.read, daemon=True)
        self._reader.start()
        match = re.fullmatch(r"Server listening on 127\.0\.0\.1:(\d+)\n", first)
        assert match, f"printed {first!r} instead of its address; log:\n{self.log.read_text()}"
        self.port = int(match[1])
        return self

    def _command(self) -> list[str]:
        return [*COMMAND, *self._store(), "--port", str(self.port), *self.arguments]

    def _store(self) -> tuple[str, str]:
        return ("--data-dir", str(self.data_dir)) if self.config is None else ("--config-file", str(self.config))

    def stop(self) -> int:
        """Send SIGTERM. Return the exit code."""
        self.process.terminate()
        return self._ended(120)

    def interrupt(self) -> int:
        """Send SIGINT to the arbiter and all workers, as Ctrl-C does. Return the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self._ended(120)

    def kill(self) -> None:
        """Send SIGKILL to the arbiter and all workers."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self._ended(120)

    def _ended(self, timeout: float) -> int:
        code = self.process.wait(timeout)
        self._reader.join(timeout)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def end(self) -> None:
        if self._process is not None and self.process.poll() is None:
            self.kill()

    def request(
        self, method: str, path: str, body: Any = None, token: str | None = None, timeout: float = 120
    ) -> tuple[int, Any]:
        """Send a request on a new connection. Return status and JSON body, None for an empty body."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        if token is not None:
            request.add_header("X-Auth-Token", token)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                text, status = answer.read(), answer.status
        except urllib.error.HTTPError as error:
            text, status = error.read(), error.code
        return status, json.loads(text) if text else None


class Production(Service):
    """A process of ``freezer-api`` with a configuration and a paste file, on a free port of this machine."""

    def _command(self) -> list[str]:
        address = ["--bind-host", "127.0.0.1", "--bind-port", str(self.port)]
        return [*PRODUCTION, *self._store(), *address, *self.arguments]
