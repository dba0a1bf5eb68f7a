# SPDX-License-Identifier: Apache-2.0
"""Run an Apache that serves only the sites of a stack."""

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.devstack.stack import USER, Done, Stack
from tests.support.left_out import leave_out
from tests.support.search.node import free_ports

_MODULES = Path("/usr/lib/apache2/modules")
_CONFIGURATION = """
ServerName localhost
ServerRoot {directory}
DefaultRuntimeDir {directory}
PidFile {directory}/apache.pid
Mutex file:{directory}
ErrorLog {directory}/error.log
{modules}
LogFormat "%h %r %>s" combined
WSGISocketPrefix {directory}/wsgi
Listen 127.0.0.1:{port}
IncludeOptional {sites}/*.conf
"""
_NAMES = ("mpm_event", "authz_core", "proxy", "proxy_uwsgi", "wsgi")


def ordinary() -> Sequence[str]:
    """Return the prefix of a command that runs it as an ordinary user who can access all files, as root can."""
    if os.geteuid() != 0:
        return ()
    number = subprocess.run(["id", "--user", USER], check=True, capture_output=True, text=True).stdout.strip()
    prefix = ("unshare", "--user", f"--map-user={number}", f"--map-group={number}")
    tried = subprocess.run([*prefix, "true"], check=False, capture_output=True, text=True)
    if tried.returncode:
        leave_out(f"no namespaces of users: {tried.stderr.strip()}")
    return prefix


class Apache:
    """``port`` replaces port 80, at which devstack's default site includes the paths of other sites."""

    def __init__(self, stack: Stack, directory: Path) -> None:
        (self.port,) = free_ports(1)
        self._stack = stack
        self._configuration = directory / "apache2.conf"
        self._process: subprocess.Popen[bytes] | None = None
        self.log = directory / "error.log"
        modules = [f"LoadModule {name}_module {_MODULES}/mod_{name}.so" for name in _NAMES]
        text = _CONFIGURATION.format(
            directory=directory, modules="\n".join(modules), port=self.port, sites=stack.enabled
        )
        self._configuration.write_text(text)

    def _command(self) -> list[str]:
        return ["apache2", "-f", str(self._configuration)]

    def check(self) -> Done:
        """Check the configuration with ``apache2 -t``. Return exit code and output."""
        command = [*self._command(), "-t"]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
        return Done(done.returncode, done.stdout + done.stderr)

    @property
    def pid(self) -> int:
        assert self._process is not None, "Apache was not started"
        return self._process.pid

    def start(self) -> "Apache":
        """Start Apache with the stack's configuration. Return when it accepts connections."""
        environment = {**os.environ, "OS_FREEZER_CONFIG_FILES": str(self._stack.conf)}
        command = [*ordinary(), *self._command(), "-DFOREGROUND"]
        self._process = subprocess.Popen(command, env=environment, start_new_session=True)
        while not self._answers():
            assert self._process.poll() is None, self.log.read_text()
        return self

    def _answers(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
            self._process = None
