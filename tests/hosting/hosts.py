# SPDX-License-Identifier: Apache-2.0
"""Servers with the service, each as real processes, with the shipped files or with files of deployers."""

import fcntl
import grp
import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Self

from tests.support.left_out import leave_out
from tests.support.service import OPEN_PASTE

ROOT = Path(__file__).parents[2]
ETC = ROOT / "etc/freezer"
SYSTEM_PYTHON = "/usr/bin/python3"
MODULES = Path("/usr/lib/apache2/modules")
"""The directory of Debian's modules for Apache."""


def program(name: str) -> str:
    """Return the path of the program. Skip the test if it is not installed."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    return found or leave_out(f"there is no {name}")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def owner() -> str:
    """Return the account for servers that do not run as root."""
    name = pwd.getpwuid(os.getuid()).pw_name
    return "www-data" if name == "root" else name


def group_of(account: str) -> str:
    return grp.getgrgid(pwd.getpwnam(account).pw_gid).gr_name


class Place:
    """A directory with a configuration. The account of servers can read it, but not the directory of a test.

    ``data`` is the directory of the embedded store.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="freezer-api-", dir="/tmp"))
        self.path.chmod(0o755)
        self.data = self.path / "data"
        self.data.mkdir()
        self.configure(OPEN_PASTE)
        self.variables = {
            **{name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")},
            "OS_FREEZER_CONFIG_FILES": str(self.config),
            "XDG_DATA_HOME": str(self.data),
            "HOME": str(self.data),
        }

    @property
    def config(self) -> Path:
        return self.path / "freezer-api.conf"

    def configure(self, paste: str, more: str = "") -> None:
        (self.path / "paste.ini").write_text(paste)
        self.config.write_text(f"{more}\n[paste_deploy]\nconfig_file = {self.path / 'paste.ini'}\n")

    def own(self) -> None:
        """Make the account of servers the owner of the directory."""
        if os.getuid() == 0:
            for path in (self.path, self.data, *self.data.rglob("*")):
                shutil.chown(path, owner())

    def package(self) -> Path:
        """Return a copy of the package and its metadata, for an account that cannot read the checkout."""
        copy = self.path / "lib"
        if not copy.exists():
            shutil.copytree(
                ROOT / "freezer_api", copy / "freezer_api", ignore=shutil.ignore_patterns("__pycache__")
            )
            installed = distribution("freezer-api")
            folder = copy / f"freezer_api-{installed.version}.dist-info"
            folder.mkdir()
            # The name of the metadata directory differs between a checkout and an environment.
            metadata = installed.read_text("METADATA") or installed.read_text("PKG-INFO") or ""
            (folder / "METADATA").write_text(metadata)
            (folder / "entry_points.txt").write_text(installed.read_text("entry_points.txt") or "")
        return copy

    def remove(self) -> None:
        shutil.rmtree(self.path)


def system_home() -> Path:
    """Return a virtual environment with the dependencies for Debian's Python, which Debian's servers use."""
    if not Path(SYSTEM_PYTHON).exists():
        leave_out(f"there is no {SYSTEM_PYTHON}")
    requirements = distribution("freezer-api").requires or []
    needed = [line for line in requirements if "extra ==" not in line]
    digest = hashlib.sha256(repr(sorted(needed)).encode()).hexdigest()[:12]
    # Other accounts may be unable to read the user's cache and the checkout.
    home = Path("/var/tmp") / f"freezer-api-tests-{os.getuid()}-{digest}"
    home.mkdir(mode=0o755, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "made").exists():
            subprocess.run([SYSTEM_PYTHON, "-m", "venv", "--clear", str(home / "venv")], check=True, timeout=300)
            command = [str(home / "venv/bin/pip"), "install", "--quiet", "--disable-pip-version-check", *needed]
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
            if done.returncode:
                leave_out(f"no environment of Debian's Python: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
            (home / "made").touch()
    return home / "venv"


class Host:
    """A running server with the service. ``path``: the prefix of the service in URLs."""

    scheme = "http"
    path = ""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.port = free_port()
        self.log = place.path / f"{type(self).__name__}-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{self.path}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server was not started"
        return self._process

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def variables(self) -> Mapping[str, str]:
        return self.place.variables

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.command()],
                env=dict(self.variables()),
                cwd=self.place.path,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while not self.answers():
            assert self.process.poll() is None, f"it exited:\n{self.logged()[-5000:]}"
            assert time.monotonic() < deadline, f"it does not respond:\n{self.logged()[-5000:]}"
            time.sleep(0.05)
        return self

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthcheck", timeout=30) as answer:
                return bool(answer.read() == b"OK")
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False

    def logged(self) -> str:
        return "\n".join(file.read_text() for file in sorted(self.place.path.glob("*.log")))

    def stop(self) -> int:
        """Send SIGTERM. Return the exit code."""
        self.process.terminate()
        return self.process.wait(60)

    def end(self) -> None:
        if self._process is not None:
            if self._process.poll() is None:
                self._process.terminate()
                try:
                    self._process.wait(10)
                except subprocess.TimeoutExpired:
                    os.killpg(self._process.pid, signal.SIGKILL)
                    self._process.wait(10)
            self._process = None


class FreezerAPI(Host):
    """The command ``freezer-api``."""

    def command(self) -> Sequence[str]:
        bind = ("--bind-host", "127.0.0.1", "--bind-port", str(self.port), "--workers", "2")
        return [sys.executable, "-m", "freezer_api.cmd.api", *bind]


class Gunicorn(Host):
    """gunicorn without the classes of the service."""

    def __init__(self, place: Place, *arguments: str) -> None:
        super().__init__(place)
        self.arguments = arguments

    def command(self) -> Sequence[str]:
        bind = ("--bind", f"127.0.0.1:{self.port}", "--no-control-socket", "--workers", "2")
        # gunicorn's default is 4094 bytes, less than the service accepts.
        limit = ("--limit-request-line", "8190")
        return [sys.executable, "-m", "gunicorn", *bind, *limit, *self.arguments, "freezer_api.wsgi:application"]


class UWSGI(Host):
    """Debian's uWSGI with the shipped file. ``change``: replacements of lines."""

    def __init__(self, place: Place, change: Mapping[str, str] | None = None) -> None:
        super().__init__(place)
        self.socket = place.path / "uwsgi.socket"
        self._change = change or {}

    def program(self) -> Sequence[str]:
        self.place.own()
        account = ("--uid", owner(), "--gid", group_of(owner())) if os.getuid() == 0 else ()
        home = ("--virtualenv", str(system_home()), "--pythonpath", str(self.place.package()))
        return [program("uwsgi"), "--plugins", "python3,http", *home, *account]

    def file(self) -> Path:
        file = self.place.path / "uwsgi.conf"
        changes = {
            "http = :9090": f"http = 127.0.0.1:{self.port}",
            "/var/run/uwsgi/freezer-api-wsgi.socket": str(self.socket),
            **self._change,
        }
        file.write_text(replaced((ETC / "uwsgi.conf").read_text(), changes))
        return file

    def command(self) -> Sequence[str]:
        return [*self.program(), "--ini", str(self.file())]


class UWSGIByModule(UWSGI):
    """uWSGI with the command of the first installation guides."""

    def command(self) -> Sequence[str]:
        module = ("--module", "freezer_api.cmd.wsgi:application")
        return [*self.program(), "--http", f"127.0.0.1:{self.port}", "--need-app", "--master", *module]


class Apache(Host):
    """Debian's Apache with the modules and the site of a subclass."""

    modules: Sequence[str] = ()

    def site(self) -> str:
        raise NotImplementedError

    def group(self) -> str:
        """Return the group of Apache."""
        return group_of(owner())

    def command(self) -> Sequence[str]:
        self.place.own()
        directory = self.place.path / f"apache-{self.port}"
        directory.mkdir(exist_ok=True)
        loaded = ("mpm_event", "authz_core", *self.modules)
        for name in loaded:
            if not (MODULES / f"mod_{name}.so").exists():
                leave_out(f"Apache has no module {name}")
        lines = [
            f"ServerRoot {directory}",
            "ServerName localhost",
            f"PidFile {directory}/pid",
            f"DefaultRuntimeDir {directory}",
            f"Mutex file:{directory}",
            f"User {owner()}",
            f"Group {self.group()}",
            f"ErrorLog {self.log}",
            *(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in loaded),
            self.site(),
        ]
        file = directory / "apache2.conf"
        file.write_text("\n".join(lines) + "\n")
        return [program("apache2"), "-f", str(file), "-DFOREGROUND"]


class ModWSGI(Apache):
    """Apache with the shipped site file. In tests as root only the service's group can read the configuration."""

    modules = ("wsgi",)

    def group(self) -> str:
        if os.getuid() != 0:
            return super().group()
        shutil.chown(self.place.config, "root", group_of(owner()))
        self.place.config.chmod(0o640)
        return "nogroup"

    def site(self) -> str:
        package = self.place.package()
        text = replaced(
            (ETC / "apache2-freezer-api-wsgi.conf").read_text(),
            {
                "FREEZER_API_HOME /opt/freezer-api": f"FREEZER_API_HOME {system_home()}",
                "${FREEZER_API_HOME}/lib/python3.11/site-packages/freezer_api": f"{package}/freezer_api",
                "FREEZER_API_USER freezer": f"FREEZER_API_USER {owner()}",
                "FREEZER_API_GROUP freezer": f"FREEZER_API_GROUP {group_of(owner())}",
                "/var/log/freezer": str(self.place.path),
                "Listen 9090": f"Listen 127.0.0.1:{self.port}",
                "*:9090": f"*:{self.port}",
                "python-home=": f"python-path={package} python-home=",
            },
        )
        return f"WSGISocketPrefix {self.place.path}/apache-{self.port}/wsgi\n{text}"


class DeployersModWSGI(Apache):
    """Apache with the site file of deployment tools, which sets an application group and a number of threads."""

    modules = ("wsgi",)

    def __init__(self, place: Place, group: str = "freezer-api", threads: int = 2) -> None:
        super().__init__(place)
        self._group = group
        self._threads = threads

    def site(self) -> str:
        package = self.place.package()
        return f"""
WSGISocketPrefix {self.place.path}/apache-{self.port}/wsgi
Listen 127.0.0.1:{self.port}
LogFormat "%h %l %u %t \\"%r\\" %>s %b" combined
<VirtualHost *:{self.port}>
    WSGIDaemonProcess freezer-api processes=2 threads={self._threads} user={owner()} display-name=%{{GROUP}} \\
        python-home={system_home()} python-path={package}
    WSGIProcessGroup freezer-api
    WSGIApplicationGroup {self._group}
    WSGIScriptAlias / {package}/freezer_api/cmd/wsgi.py
    ErrorLog {self.place.path}/freezer-api.log
    CustomLog {self.place.path}/freezer-api_access.log combined
    <Directory {package}/freezer_api>
        Require all granted
        AllowOverride None
        LimitRequestBody 102400
    </Directory>
</VirtualHost>
"""


class ApacheBeforeUWSGI(Apache):
    """The shipped file for Apache in front of uWSGI's socket."""

    modules = ("proxy", "proxy_uwsgi")
    path = "/backup"

    def __init__(self, place: Place, change: Mapping[str, str] | None = None) -> None:
        super().__init__(place)
        self._uwsgi = UWSGI(place, change)

    @property
    def socket(self) -> Path:
        return self._uwsgi.socket

    def site(self) -> str:
        socket_ = {"/var/run/uwsgi/freezer-api-wsgi.socket": str(self._uwsgi.socket)}
        return f"Listen 127.0.0.1:{self.port}\n" + replaced(
            (ETC / "apache2-freezer-api.conf").read_text(), socket_
        )

    def start(self) -> Self:
        self._uwsgi.start()
        return super().start()

    def end(self) -> None:
        super().end()
        self._uwsgi.end()


class ForeignApacheBeforeUWSGI(ApacheBeforeUWSGI):
    """Apache with another account than the service; ``member`` adds it to the group of the service.

    Apache runs in a mount namespace with its own ``/etc/group``.
    """

    account = "daemon"

    def __init__(self, place: Place, *, member: bool, change: Mapping[str, str] | None = None) -> None:
        super().__init__(place, change)
        self._member = member

    def group(self) -> str:
        return group_of(self.account)

    def command(self) -> Sequence[str]:
        if os.getuid() != 0:
            leave_out("only root can run servers as two accounts")
        command = super().command()
        file = Path(command[command.index("-f") + 1])
        file.write_text(replaced(file.read_text(), {f"\nUser {owner()}\n": f"\nUser {self.account}\n"}))
        groups = self.place.path / "group"
        service = group_of(owner())
        lines = Path("/etc/group").read_text().splitlines()
        added = [f"{line},{self.account}" if line.startswith(f"{service}:") else line for line in lines]
        groups.write_text("\n".join(added if self._member else lines).replace(":,", ":") + "\n")
        script = f'mount --bind {groups} /etc/group && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", script, "sh", *command]


class Nginx(Host):
    """Debian's nginx with one server, which contains ``location``."""

    def __init__(self, place: Place, location: str, path: str = "", tls: str = "") -> None:
        super().__init__(place)
        self.path = path
        self._location = location
        self._tls = tls
        self.scheme = "https" if tls else "http"

    def command(self) -> Sequence[str]:
        directory = self.place.path / f"nginx-{self.port}"
        directory.mkdir(exist_ok=True)
        temporary = "\n".join(
            f"{kind}_temp_path {directory}/{kind};"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        file = directory / "nginx.conf"
        file.write_text(f"""
{"user root;" if os.getuid() == 0 else ""}
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log {self.log};
events {{ }}
http {{
    access_log off;
    {temporary}
    server {{
        listen 127.0.0.1:{self.port} {"ssl" if self._tls else ""};
        {self._tls}
        {self._location}
    }}
}}
""")
        return [program("nginx"), "-c", str(file), "-p", str(directory), "-e", str(self.log)]


class HAProxy(Host):
    """Debian's HAProxy in front of a port, with the configuration of its manual, without options for bodies."""

    def __init__(self, place: Place, port: int) -> None:
        super().__init__(place)
        self._behind = port

    def command(self) -> Sequence[str]:
        file = self.place.path / f"haproxy-{self.port}.cfg"
        file.write_text(f"""
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend api
    bind 127.0.0.1:{self.port}
    default_backend api
backend api
    server one 127.0.0.1:{self._behind}
""")
        return [program("haproxy"), "-db", "-f", str(file)]


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """Return the text with all replacements. Each of them has to occur."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text
