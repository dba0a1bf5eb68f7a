# SPDX-License-Identifier: Apache-2.0
"""A stack: a directory with the files that devstack creates. The plugin runs in it phase by phase."""

import configparser
import getpass
import hashlib
import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.left_out import leave_out

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
PLUGIN = REPOSITORY / "devstack"

STACK = ("stack pre-install", "stack install", "stack post-config", "stack extra")
CONFIGURE = STACK[:3]

SERVICE_PASSWORD = "the-password-of-services"
DATABASE_PASSWORD = "the-password-of-databases"
ELASTIC_PASSWORD = "the-password-that-the-package-makes-up"

PACKAGE = "elasticsearch-{}-amd64.deb"

# devstack refuses to run as root, and Apache refuses to serve as root.
USER = "daemon" if os.geteuid() == 0 else getpass.getuser()


class Done(NamedTuple):
    code: int
    log: str


class Stack:
    """``variables``: those that devstack sets without a local.conf. All paths are below ``root``."""

    def __init__(self, root: Path, **variables: str) -> None:
        self.root = root
        self.sites = root / "apache2/sites-available"
        self.enabled = root / "apache2/sites-enabled"
        self.conf = root / "etc/freezer/freezer-api.conf"
        self.elasticsearch = root / "etc/elasticsearch"
        self.users = root / "usr/elasticsearch/bin"
        self.downloads = root / "files"
        self.mirror = root / "mirror"
        for directory in ("packages", "dest", "data", "db", "etc", "run", "usr", "var", "processes"):
            (root / directory).mkdir()
        for directory in (self.sites, self.enabled, self.downloads, self.mirror):
            directory.mkdir(parents=True)
        (root / "ca.pem").write_text("a certificate")
        self.variables = {**self._variables(), **variables}

    def _variables(self) -> dict[str, str]:
        root = self.root
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "ROOT": str(root),
            "BIN": str(Path(sys.executable).parent),
            "CA": str(root / "ca.pem"),
            "ELASTIC_PASSWORD": ELASTIC_PASSWORD,
            "DISTRIBUTION": "ubuntu",
            "ENABLED_SERVICES": "key,mysql",
            "DISABLED_SERVICES": "",
            "DEST": str(root / "dest"),
            "DATA_DIR": str(root / "data"),
            "FILES": str(self.downloads),
            "STACK_USER": USER,
            "SERVICE_HOST": "127.0.0.1",
            "SERVICE_TIMEOUT": "60",
            "SERVICE_PASSWORD": SERVICE_PASSWORD,
            "SERVICE_DOMAIN_NAME": "Default",
            "SERVICE_PROJECT_NAME": "service",
            "KEYSTONE_SERVICE_URI": "http://127.0.0.1/identity",
            "REGION_NAME": "RegionOne",
            "DATABASE_PASSWORD": DATABASE_PASSWORD,
            "DATABASE_URL": f"sqlite:///{root}/db/DATABASE",
            "APACHE_CONF_DIR": str(self.sites),
            "FREEZER_API_DIR": str(REPOSITORY),
            "FREEZER_API_CONF_DIR": str(self.conf.parent),
            "FREEZER_API_AUTH_CACHE_DIR": str(root / "var/cache"),
            "FREEZER_API_UWSGI_SOCKET": str(root / "run/freezer-api-wsgi.socket"),
            "FREEZER_API_UWSGI_MASTER_PIDFILE": str(root / "run/freezer-api.pid"),
            "ELASTICSEARCH_BASEURL": self.mirror.as_uri(),
            "ELASTICSEARCH_HOME": str(self.users.parent),
            "ELASTICSEARCH_CONF_DIR": str(self.elasticsearch),
            "ELASTICSEARCH_DATA_DIR": str(root / "var/elasticsearch"),
            "ELASTICSEARCH_LOG_DIR": str(root / "var/elasticsearch-log"),
        }

    def publish(self, version: str, name: str = PACKAGE) -> Path:
        """Create the package of Elasticsearch and its checksum, where the plugin downloads them."""
        package = self.mirror / name.format(version)
        package.write_text(f"elasticsearch {version}\n")
        checksum = hashlib.sha512(package.read_bytes()).hexdigest()
        package.with_name(package.name + ".sha512").write_text(f"{checksum}  {package.name}\n")
        return package

    def run(self, *phases: str, prefix: Sequence[str] = (), **variables: str) -> Done:
        """Run these phases of the plugin. Return the exit code and devstack's log."""
        done = subprocess.run(
            [*prefix, str(HERE / "stack.sh"), *phases],
            env={**self.variables, **variables},
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        return Done(done.returncode, done.stdout)

    def succeed(self, *phases: str, prefix: Sequence[str] = (), **variables: str) -> str:
        """Run these phases of the plugin, which must succeed. Return devstack's log."""
        done = self.run(*phases, prefix=prefix, **variables)
        if "uwsgi is not installed" in done.log:
            leave_out("uwsgi is not installed")
        assert done.code == 0, done.log
        return done.log

    @property
    def calls(self) -> list[list[str]]:
        """The recorded calls of devstack's functions, each with its name and arguments."""
        calls = self.root / "calls"
        return [line.split("\t") for line in calls.read_text().splitlines()] if calls.exists() else []

    def called(self, *names: str) -> list[list[str]]:
        return [call for call in self.calls if call[0] in names]

    def options(self, file: Path | None = None) -> dict[str, dict[str, str]]:
        """Return the options of a file by section."""
        parser = configparser.ConfigParser(interpolation=None, default_section="")
        parser.read(file or self.conf)
        return {name: dict(parser[name]) for name in parser.sections() if parser[name]}

    def files(self) -> set[str]:
        """Return the content of all files below the root, and links and empty directories."""
        found = (path for path in self.root.rglob("*") if not path.is_dir() or not any(path.iterdir()))
        return {str(path.relative_to(self.root)) for path in found} - {"calls"}

    def readable_by_all(self, *secrets: str) -> list[str]:
        """Return the files that contain one of these texts and that other accounts can read."""
        ours = {self.root / "calls", self.users / "password"}
        return [
            str(path)
            for path in self.root.rglob("*")
            if path.is_file() and path not in ours and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH)
            if any(secret in path.read_text(errors="replace") for secret in secrets)
        ]
