# SPDX-License-Identifier: Apache-2.0
"""Run the commands of deployers with their files, in a directory that replaces the root of their machine."""

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.compat.deployers import DEPLOYERS
from tests.support.service import MANAGE, PRODUCTION

CONNECTION = re.compile(r"^connection = .*$", re.MULTILINE)
LISTENS = re.compile(r"Server listening on 127\.0\.0\.1:(\d+)\n")

_SHOWN = "print('Server listening on 127.0.0.1:%s' % worker.sockets[0].getsockname()[1], flush=True)"


@dataclass
class Machine:
    """``root``: the directory that replaces ``/``. ``connection``: the URL of the database."""

    root: Path
    connection: str

    @property
    def etc(self) -> Path:
        return self.root / "etc/freezer"

    def put(self, fixture: str, name: str, **changed: str) -> Path:
        """Write a file of a deployer into ``/etc/freezer``. ``changed``: texts, and their replacements."""
        text = (DEPLOYERS / fixture).read_text()
        for here in ("/etc/freezer/", "/var/log/", "/etc/elasticsearch/"):
            text = text.replace(here, f"{self.root}{here}")
        text = CONNECTION.sub(f"connection = {self.connection}", text)
        for old, new in changed.items():
            assert old in text, f"{old} is not in {fixture}"
            text = text.replace(old, new)
        for logs in map(Path, re.findall(rf"{self.root}/var/log/\S+", text)):
            (logs.parent if logs.suffix else logs).mkdir(parents=True, exist_ok=True)
        self.etc.mkdir(parents=True, exist_ok=True)
        (self.etc / name).write_text(text)
        return self.etc / name

    def manage(self, config: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``freezer-manage``."""
        command = [*MANAGE, "--config-file", str(config), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    def command(self, config: Path) -> "Serving":
        place = ("--bind-host", "127.0.0.1", "--bind-port", "0")
        return self._serving(*PRODUCTION, "--config-file", str(config), *place)

    def module(self, name: str, **variables: str) -> "Serving":
        """Return a gunicorn with the application that this import path selects."""
        settings = self.root / "gunicorn.py"
        settings.write_text(f"def post_worker_init(worker):\n    {_SHOWN}\n")
        place = ("--bind", "127.0.0.1:0", "--config", str(settings), "--no-control-socket")
        return self._serving(
            sys.executable, "-m", "gunicorn", *place, "--pythonpath", str(self.root), name, **variables
        )

    def file(self, path: Path, **variables: str) -> "Serving":
        """Return a gunicorn with the object ``application`` of a file, loaded as mod_wsgi loads it."""
        (self.root / "loaded.py").write_text(
            f"import runpy\napplication = runpy.run_path({str(path)!r})['application']\n"
        )
        return self.module("loaded:application", **variables)

    def _serving(self, *command: str, **variables: str) -> "Serving":
        return Serving(command, {**os.environ, "HOME": str(self.root / "home"), **variables}, self.root)


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Serving:
    """A process that serves requests. ``output``: its stdout and stderr, complete when it has ended."""

    def __init__(self, command: tuple[str, ...], environment: dict[str, str], directory: Path) -> None:
        self._command = command
        self._environment = environment
        self._files = directory / "stdout", directory / "stderr"
        self._port = 0

    @property
    def output(self) -> str:
        return "".join(file.read_text() for file in self._files)

    @contextmanager
    def running(self) -> Iterator["Serving"]:
        out, err = (file.open("w") for file in self._files)
        piped = {"stdout": subprocess.PIPE, "stderr": err}
        with out, err, subprocess.Popen(self._command, **piped, env=self._environment, text=True) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    out.write(line)
                    if match := LISTENS.fullmatch(line):
                        self._port = int(match[1])
                        break
                else:
                    raise AssertionError(f"it does not serve: {self.output}")
                yield self
            finally:
                process.terminate()
                out.write(process.stdout.read())

    def get(self, path: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()
