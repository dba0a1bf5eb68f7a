# SPDX-License-Identifier: Apache-2.0
"""Each extra for operators works when pip installs it with the wheel in a new environment."""

import re
import subprocess
import threading
import uuid
from collections.abc import Callable

import pytest

from tests.packaging import OPERATORS
from tests.packaging.built import Built
from tests.packaging.environment import Environment, Installed, running
from tests.packaging.interpreters import VERSIONS
from tests.support.search.shared import SearchServers
from tests.support.service import Service
from tests.support.sql.shared import SQLServers

pytestmark = pytest.mark.slow

With = Callable[[str], Environment]


@pytest.fixture(scope="module")
def with_extra(built: Built, tmp_path_factory: pytest.TempPathFactory) -> With:
    """Return a function that adds an extra to an environment, which extras share as they share no packages."""
    environment = Environment(tmp_path_factory.mktemp("extras"), VERSIONS[-1])

    def _with(extra: str) -> Environment:
        assert extra in OPERATORS
        environment.install(f"{built.wheel}[{extra}]")
        return environment

    return _with


def documents_are_kept(service: Service) -> None:
    name = f"machine-{uuid.uuid4().hex}"
    assert service.request("POST", "/v1/clients", {"client_id": name}) == (201, {"client_id": name})
    status, found = service.request("GET", "/v1/clients", {"match": [{"client_id": name}]})
    assert (status, [one["client"]["client_id"] for one in found["clients"]]) == (200, [name])


def check_store(environment: Environment, section: str) -> None:
    """Check that a store can be created, and stores documents."""
    config = environment.home / "freezer.conf"
    config.write_text(section)
    store = ("--config-file", str(config))
    environment.run("freezer-manage", *store, "db", "sync")
    with running(environment, "--standalone", *store, "--port", "0") as service:
        documents_are_kept(service)
    environment.run("freezer-manage", "--yes", *store, "db", "remove")


def test_elasticsearch_extra_stores_documents(with_extra: With, search_servers: SearchServers) -> None:
    url = search_servers.server("elasticsearch", "9").url
    check_store(with_extra("elasticsearch"), f"[elasticsearch]\nhosts = {url}\nindex = extras\n")


@pytest.mark.parametrize(
    ("extra", "server"),
    [
        pytest.param("mysql", "mariadb", marks=pytest.mark.store("mariadb")),
        pytest.param("postgresql", "postgresql", marks=pytest.mark.store("postgresql")),
    ],
)
def test_database_extra_stores_documents(
    extra: str, server: str, with_extra: With, sql_servers: SQLServers
) -> None:
    check_store(with_extra(extra), f"[database]\nconnection = {sql_servers.database(server)}\n")


def test_journal_extra_logs_to_the_journal(with_extra: With) -> None:
    environment = with_extra("journal")
    config = environment.home / "freezer.conf"
    config.write_text("[DEFAULT]\nuse_journal = true\n")
    arguments = ("--standalone", "--data-dir", str(environment.home), "--port", "0", "--config-file", str(config))
    with running(environment, *arguments) as service:
        documents_are_kept(service)
    assert "use_journal" not in service.log.read_text()
    environment.run("python", "-m", "pip", "uninstall", "--quiet", "--yes", "systemd-python")
    with running(environment, *arguments) as service:
        pass
    assert "use_journal needs the package systemd-python" in service.log.read_text()


def test_audit_extra_installs_oslo_messaging(with_extra: With) -> None:
    environment = with_extra("audit")
    check = "from keystonemiddleware.audit import _notifier; assert _notifier.oslo_messaging"
    environment.run("python", "-c", check)


@pytest.mark.parametrize("loaded", ["--module=freezer_api.wsgi:application", "--wsgi-file={bin}/freezer-api-wsgi"])
def test_uwsgi_extra_serves_and_keeps_documents(with_extra: With, loaded: str) -> None:
    environment = with_extra("uwsgi")
    (environment.home / "paste.ini").write_text("[app:main]\nuse = egg:freezer-api#service_v1\n")
    config = environment.home / "freezer.conf"
    config.write_text(f"[paste_deploy]\nconfig_file = {environment.home}/paste.ini\n")
    environment.variables["OS_FREEZER_CONFIG_FILES"] = str(config)
    service = Uwsgi.of(environment, "data", loaded.format(bin=environment.directory / "bin"))
    try:
        documents_are_kept(service.start())
    finally:
        service.end()


class Uwsgi(Installed):
    """The uWSGI of the environment, on the port that its log shows."""

    def start(self) -> "Uwsgi":
        command = self.in_environment("uwsgi", "--http-socket", "127.0.0.1:0", "--need-app", *self.arguments)
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if bound := re.search(r"bound to TCP address 127\.0\.0\.1:(\d+)", line):
                self.port = int(bound[1])
                break
        assert self.port, "".join(lines)
        self._reader = threading.Thread(target=self.process.stdout.read, daemon=True)
        self._reader.start()
        return self
