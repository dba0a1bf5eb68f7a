# SPDX-License-Identifier: Apache-2.0
"""A real Keystone on loopback, from PyPI, in its own virtual environment, with SQLite and gunicorn.

The environment and an empty Keystone in it are created once and kept in the user's cache. Each run starts one
Keystone on a copy, when the first test needs it.
"""

import base64
import fcntl
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REQUIREMENTS = ("keystone==30.0.0", "gunicorn==27.0.1")
PASSWORD = "admin-password"

_CONFIGURATION = """
[DEFAULT]
use_stderr = true
[database]
connection = sqlite:///{directory}/keystone.sqlite
[fernet_tokens]
key_repository = {directory}/keys
[fernet_receipts]
key_repository = {directory}/keys
[credential]
key_repository = {directory}/keys
[identity]
password_hash_rounds = 4
"""
_GUNICORN = """
wsgi_app = "keystone.wsgi.api:application"
bind = "fd://{descriptor}"
threads = 4
control_socket_disable = True
"""


class Missing(Exception):
    """Keystone cannot be installed on this machine."""


def environment(name: str, requirements: Sequence[str]) -> Path:
    """Return a virtual environment with these packages, and create it if necessary."""
    digest = hashlib.sha256(repr((sys.version_info[:2], requirements)).encode()).hexdigest()[:12]
    folder = _cache() / f"{name}-{digest}"
    with (_cache() / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            python = str(folder / "bin/python")
            command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
            done = subprocess.run(command, check=False, capture_output=True, text=True)
            if done.returncode:
                raise Missing(f"{name} could not be installed: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
            (folder / "made").touch()
    return folder


def _cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "freezer-api-keystone"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Keystone:
    """One Keystone. Users, projects, roles and tokens are created at first use and reused."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._environment = environment("keystone", REQUIREMENTS)
        self._ids: dict[tuple[str, ...], str] = {}
        self._tokens: dict[tuple[str, ...], str] = {}
        self._admin: str | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.log = directory / "keystone.log"
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v3"

    def start(self) -> "Keystone":
        shutil.copytree(self._template(), self._directory, dirs_exist_ok=True)
        _configure(self._directory)
        with socket.create_server(("127.0.0.1", 0)) as listener, self.log.open("w") as log:
            self.port = listener.getsockname()[1]
            settings = self._directory / "gunicorn.conf.py"
            settings.write_text(_GUNICORN.format(descriptor=listener.fileno()))
            self._process = subprocess.Popen(
                # Keystone parses the command line, so pass gunicorn's options in the environment.
                [self._environment / "bin/gunicorn"],
                env={**_variables(self._directory), "GUNICORN_CMD_ARGS": f"--config={settings}"},
                cwd=self._directory,
                stdout=log,
                stderr=log,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
        # The socket is already listening, so the first request waits until Keystone accepts it.
        self._admin = self.authenticate("admin", PASSWORD, {"project": _named("admin")}, timeout=60)
        for endpoint in self.ask("GET", "/endpoints")["endpoints"]:
            self.ask("PATCH", f"/endpoints/{endpoint['id']}", {"endpoint": {"url": self.url}})
        return self

    def _template(self) -> Path:
        """Return the directory of an empty Keystone with its administrator."""
        folder = self._environment / "template"
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=self._environment) as temporary:
                made = Path(temporary) / "template"
                (made / "keys").mkdir(parents=True, mode=0o700)
                for number in range(2):
                    (made / f"keys/{number}").write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
                _configure(made)
                place = "http://127.0.0.1/v3"
                self._manage(made, "db_sync")
                self._manage(
                    made,
                    "bootstrap",
                    *("--bootstrap-password", PASSWORD, "--bootstrap-region-id", "RegionOne"),
                    *("--bootstrap-public-url", place, "--bootstrap-internal-url", place),
                )
                made.rename(folder)
        return folder

    def _manage(self, directory: Path, *arguments: str) -> None:
        program = self._environment / "bin/keystone-manage"
        command: list[str | Path] = [program, "--config-file", directory / "keystone.conf", *arguments]
        done = subprocess.run(command, cwd=directory, check=False, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise AssertionError(f"keystone-manage {arguments[0]} failed:\n{done.stdout}{done.stderr}")

    def kill(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def ask(self, method: str, path: str, body: Any = None, token: str | None = None) -> Any:
        """Send a request, with the administrator's token by default, and return the body of the response."""
        return self._send(method, path, body, {"X-Auth-Token": token or self._admin or ""})[1]

    def _send(
        self, method: str, path: str, body: Any, headers: dict[str, str], timeout: float = 30
    ) -> tuple[Any, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                text = answer.read()
                return answer.headers, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None

    def authenticate(self, user: str, password: str, scope: Any, timeout: float = 30) -> str:
        """Return a new token."""
        identity = {
            "methods": ["password"],
            "password": {"user": {**_named(user), "password": password}},
        }
        auth: dict[str, Any] = {"identity": identity}
        if scope is not None:
            auth["scope"] = scope
        headers, _ = self._send("POST", "/auth/tokens", {"auth": auth}, {}, timeout)
        token: str = headers["X-Subject-Token"]
        return token

    def project(self, name: str) -> str:
        """Return the id of the project of this name."""
        return self._id_of("project", name, {"domain_id": "default"})

    def user(self, name: str) -> str:
        """Return the id of the user of this name, which is also the password."""
        return self._id_of("user", name, {"domain_id": "default", "password": name})

    def role(self, name: str) -> str:
        """Return the id of the role of this name."""
        return self._id_of("role", name, {})

    def _id_of(self, kind: str, name: str, properties: dict[str, Any]) -> str:
        known = self._ids.get((kind, name))
        if known is None:
            found = self.ask("GET", f"/{kind}s?name={name}")[f"{kind}s"]
            made = found[0] if found else self.ask("POST", f"/{kind}s", {kind: {"name": name, **properties}})[kind]
            known = self._ids[(kind, name)] = made["id"]
        return known

    def token(self, user: str, project: str | None, *roles: str) -> str:
        """Return a token of the user with these roles in the project, or an unscoped one."""
        key = (user, project or "", *roles)
        if key not in self._tokens:
            self._tokens[key] = self.new_token(user, project, *roles)
        return self._tokens[key]

    def new_token(self, user: str, project: str | None, *roles: str) -> str:
        """Return a new token with the properties of :meth:`token`, which no other test uses."""
        user_id = self.user(user)
        if project is not None:
            self._grant(f"/projects/{self.project(project)}", user_id, roles)
        return self.authenticate(user, user, {"project": _named(project)} if project else None)

    def domain_token(self, user: str, *roles: str) -> str:
        """Return a token for the whole domain."""
        self._grant("/domains/default", self.user(user), roles)
        return self.authenticate(user, user, {"domain": {"id": "default"}})

    def system_token(self, user: str, *roles: str) -> str:
        """Return a token for the whole system."""
        self._grant("/system", self.user(user), roles)
        return self.authenticate(user, user, {"system": {"all": True}})

    def _grant(self, target: str, user_id: str, roles: Sequence[str]) -> None:
        for role in roles:
            self.ask("PUT", f"{target}/users/{user_id}/roles/{self.role(role)}")

    def short_token(self, user: str, project: str, role: str, seconds: int) -> str:
        """Return a token of a trust that expires after ``seconds``."""
        project_id, user_id = self.project(project), self.user(user)
        own = self.token(user, project, role)
        expires = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() + seconds))
        trust = self.ask(
            "POST",
            "/OS-TRUST/trusts",
            {
                "trust": {
                    "expires_at": expires,
                    "impersonation": True,
                    "trustor_user_id": user_id,
                    "trustee_user_id": user_id,
                    "project_id": project_id,
                    "roles": [{"name": role}],
                }
            },
            own,
        )["trust"]
        return self.authenticate(user, user, {"OS-TRUST:trust": {"id": trust["id"]}})

    def restricted_token(self, user: str, project: str, *rules: tuple[str, str]) -> str:
        """Return a token of a new application credential with these access rules (methods and paths)."""
        own = self.new_token(user, project, "member")
        credential = {
            "name": uuid.uuid4().hex,
            "access_rules": [{"service": "backup", "method": method, "path": path} for method, path in rules],
        }
        path = f"/users/{self.user(user)}/application_credentials"
        made = self.ask("POST", path, {"application_credential": credential}, own)["application_credential"]
        identity = {
            "methods": ["application_credential"],
            "application_credential": {"id": made["id"], "secret": made["secret"]},
        }
        headers, _ = self._send("POST", "/auth/tokens", {"auth": {"identity": identity}}, {})
        token: str = headers["X-Subject-Token"]
        return token

    def revoke(self, token: str) -> None:
        self._send("DELETE", "/auth/tokens", None, {"X-Auth-Token": self._admin or "", "X-Subject-Token": token})

    def register(self, type_: str, url: str) -> str:
        """Add a service with its endpoints to the catalog and return its id."""
        service: str = self.ask("POST", "/services", {"service": {"type": type_, "name": type_}})["service"]["id"]
        for interface in ("public", "internal"):
            endpoint = {"service_id": service, "interface": interface, "url": url, "region_id": "RegionOne"}
            self.ask("POST", "/endpoints", {"endpoint": endpoint})
        return service

    def unregister(self, service: str) -> None:
        """Remove the service from the catalog."""
        self.ask("DELETE", f"/services/{service}")

    def section(self) -> str:
        """Return the section ``[keystone_authtoken]`` for this Keystone."""
        self._grant(f"/projects/{self.project('service')}", self.user("freezer"), ["service"])
        return f"""
[keystone_authtoken]
auth_type = password
auth_url = {self.url}
www_authenticate_uri = {self.url}
username = freezer
password = freezer
project_name = service
user_domain_name = Default
project_domain_name = Default
"""


def _named(name: str) -> dict[str, Any]:
    return {"name": name, "domain": {"id": "default"}}


def _configure(directory: Path) -> None:
    (directory / "keystone.conf").write_text(_CONFIGURATION.format(directory=directory))


def _variables(directory: Path) -> dict[str, str]:
    return {**os.environ, "OS_KEYSTONE_CONFIG_FILES": str(directory / "keystone.conf"), "PYTHONWARNINGS": "ignore"}
