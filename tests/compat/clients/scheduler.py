# SPDX-License-Identifier: Apache-2.0
"""A current ``freezer-scheduler`` as a process, with the agents that it starts."""

import os
import re
import signal
import subprocess
from pathlib import Path

from tests.support.keystone import Keystone

REQUIREMENTS = ("freezer==19.0.0", "python-freezerclient==6.5.0")
# The last release of the client that supports v1, and the release of the scheduler from the same year.
V1_REQUIREMENTS = ("freezer==18.0.0", "python-freezerclient==6.3.0", "setuptools<81")


class Scheduler:
    """A scheduler that polls every second for jobs of ``client_id``, with a token of the user in the project."""

    def __init__(
        self,
        programs: Path,
        directory: Path,
        keystone: Keystone,
        *,
        client_id: str,
        user: str,
        project: str,
        password: str | None = None,
        central: bool = False,
        v1: bool = False,
    ) -> None:
        self.client_id = client_id
        self.directory = directory
        self.log = directory / "scheduler.log"
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None
        (directory / "jobs").mkdir(parents=True)
        self._configuration = directory / "scheduler.conf"
        settings = f"""
[DEFAULT]
log_file = {self.log}
[scheduler]
client_id = {client_id}
jobs_dir = {directory}/jobs
interval = 1
no_daemon = true
concurrent_jobs = 2
centralized_scheduler = {central}
enable_v1_api = {v1}
[service_auth]
os_auth_url = {keystone.url}
os_username = {user}
os_password = {password or user}
os_project_name = {project}
os_project_domain_name = Default
os_user_domain_name = Default
"""
        self._identity: dict[str, str] = {}
        if v1:
            # This release reads all options from one section, and does not pass the identity to agents.
            found = re.findall(r"^(os_\w+) = (.*)$", settings, re.MULTILINE)
            self._identity = {name.upper(): value for name, value in found}
            settings = settings.replace("[scheduler]\n", "").replace("[service_auth]\n", "")
        self._configuration.write_text(settings)

    def start(self) -> "Scheduler":
        home = self.directory / "home"
        home.mkdir(exist_ok=True)
        with (self.directory / "output.log").open("a") as output:
            self._process = subprocess.Popen(
                [self._programs / "freezer-scheduler", "--config-file", self._configuration, "start"],
                stdout=output,
                stderr=output,
                cwd=self.directory,
                env={
                    **{name: value for name, value in os.environ.items() if not name.startswith("OS_")},
                    "HOME": str(home),
                    "PATH": f"{self._programs}:{os.environ['PATH']}",
                    "PYTHONWARNINGS": "ignore",
                    **self._identity,
                },
                start_new_session=True,
            )
        return self

    def end(self) -> None:
        if self._process is not None:
            # Kill the agents of the scheduler, too.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)
            self._process = None

    def log_tail(self) -> str:
        """Return the end of the scheduler's logs."""
        return "\n".join(path.read_text()[-4000:] for path in self.directory.glob("*.log"))


def same_tree(left: Path, right: Path) -> bool:
    """Return whether two directories contain the same files with the same content."""
    files = {path.relative_to(left) for path in left.rglob("*") if path.is_file()}
    others = {path.relative_to(right) for path in right.rglob("*") if path.is_file()}
    return files == others and all((left / name).read_bytes() == (right / name).read_bytes() for name in files)
