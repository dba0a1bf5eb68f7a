# SPDX-License-Identifier: Apache-2.0
"""Virtual environments outside the checkout, and the service installed in them."""

import os
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.packaging.interpreters import find
from tests.support.left_out import leave_out
from tests.support.service import Service


class Environment:
    """A new virtual environment with this version of Python, and a home directory of its own."""

    def __init__(self, directory: Path, version: str) -> None:
        python = find(version)
        if python is None:
            leave_out(f"there is no Python {version}")
        self.directory = directory / "environment"
        self.home = directory / "home"
        self.home.mkdir(parents=True)
        self.variables = {**os.environ, "HOME": str(self.home), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        self._make(python)

    def _make(self, python: Path) -> None:
        subprocess.run([python, "-m", "venv", self.directory], check=True)

    def command(self, name: str) -> str:
        return str(self.directory / "bin" / name)

    def run(self, name: str, *arguments: str, code: int = 0) -> str:
        """Run a program of the environment, check its exit code, and return its output."""
        done = subprocess.run(
            [self.command(name), *arguments],
            capture_output=True,
            text=True,
            cwd=self.home,
            env=self.variables,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def install(self, *arguments: str) -> None:
        # Use the user's pip cache to avoid repeated downloads.
        cache = self.variables.get("PIP_CACHE_DIR") or str(Path.home() / ".cache/pip")
        self.run("python", "-m", "pip", "install", "--quiet", "--cache-dir", cache, *arguments)

    def files(self) -> set[str]:
        """Return the files of the environment, without directories and compiled modules."""
        found = (path.relative_to(self.directory) for path in self.directory.rglob("*") if path.is_file())
        return {str(path) for path in found if "__pycache__" not in path.parts}


class UserInstallation(Environment):
    """A user installation, as ``pip install --user`` creates it."""

    def _make(self, python: Path) -> None:
        (self.directory / "bin").mkdir(parents=True)
        (self.directory / "bin/python").symlink_to(python)
        self.variables["PYTHONUSERBASE"] = str(self.directory)

    def install(self, *arguments: str) -> None:
        super().install("--user", *arguments)


class Installed(Service):
    """A process of `freezer-api`, installed in the environment, on a free port with these arguments."""

    environment: Environment

    @classmethod
    def of(cls, environment: Environment, name: str, *arguments: str, config: Path | None = None) -> "Installed":
        service = cls(environment.home / name, *arguments, config=config)
        service.environment = environment
        return service

    def _command(self) -> list[str]:
        return self.in_environment("freezer-api", *self.arguments)

    def in_environment(self, name: str, *arguments: str) -> list[str]:
        """Return the command that runs a program of the environment in its home directory."""
        variables = [f"{name}={value}" for name, value in self.environment.variables.items()]
        return [
            "env",
            "--chdir",
            str(self.environment.home),
            *variables,
            self.environment.command(name),
            *arguments,
        ]


@contextmanager
def running(environment: Environment, *arguments: str) -> Iterator[Installed]:
    service = Installed.of(environment, "data", *arguments)
    try:
        yield service.start()
        assert service.stop() == 0
    finally:
        service.end()


def write_config(environment: Environment) -> Path:
    """Write a minimal configuration without a paste file, so that the service finds the installed one."""
    config = environment.home / "freezer.conf"
    keystone = "http://127.0.0.1:5000"
    account = f"auth_type = password\nauth_url = {keystone}\nwww_authenticate_uri = {keystone}\n"
    config.write_text(f"[keystone_authtoken]\n{account}")
    return config


def check_it_has_a_paste_file(environment: Environment) -> None:
    """Check that the service finds the installed paste file without configuration."""
    config = write_config(environment)
    place = ("--bind-host", "127.0.0.1", "--bind-port", "0")
    with running(environment, "--config-file", str(config), *place) as service:
        with urllib.request.urlopen(f"{service.url}/healthcheck") as answer:
            assert answer.read() == b"OK"
        assert service.request("GET", "/v1/jobs")[0] == 401
