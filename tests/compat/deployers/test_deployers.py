# SPDX-License-Identifier: Apache-2.0
"""The service starts with the unchanged files of each deployment tool, by the command that the tool uses."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.compat.deployers.harness import Machine, Serving
from tests.stores.elasticsearch.place import ALL
from tests.support.search.server import Server
from tests.support.search.shared import SearchServers

ROOT = Path(__file__).parents[3]
CREATED = "".join(f"Creating or Updating {kind} is True\n" for kind in ALL)
SLOW = pytest.mark.slow


@pytest.fixture
def connection(tmp_path: Path) -> str:
    """Return the URL that replaces ``mysql+pymysql://...``."""
    return f"sqlite:///{tmp_path}/freezer.sqlite"


@pytest.fixture
def machine(tmp_path: Path, connection: str) -> Machine:
    return Machine(tmp_path, connection)


@pytest.fixture
def search(search_servers: SearchServers) -> Iterator[Server]:
    """Return a shared search server, after removing all indices with the default prefix."""
    server = search_servers.server("elasticsearch", "9")
    _clear(server)
    yield server
    _clear(server)


def _clear(server: Server) -> None:
    for name in server.request("GET", "/freezer-*")[1]:
        server.request("DELETE", f"/{name}")


def serves(service: Serving, uri: str, versions: list[str]) -> None:
    """Check the responses to requests without a token: list of versions, health check and 401."""
    health = service.get("/healthcheck")
    assert (health.status, health.body) == (200, b"OK")
    root = service.get("/")
    assert (root.status, [version["id"] for version in root.json["versions"]]) == (300, versions)
    for path in ("/v1/jobs", "/v2/p/jobs"):
        answer = service.get(path)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, f'Keystone uri="{uri}"')


BOTH = ["v2", "v1"]


@pytest.mark.parametrize(
    ("name", "warned"),
    [
        ("helm", ["[keystone_authtoken] auth_uri"]),
        pytest.param("genestack", ["[DEFAULT] host_href", "idle_timeout"], marks=SLOW),
    ],
)
def test_files_of_helm_charts_start_the_service(machine: Machine, name: str, warned: list[str]) -> None:
    config = machine.put(f"{name}-freezer.conf", "freezer.conf")
    machine.put("helm-logging.conf", "logging.conf")
    # In the charts, the job that creates the store has neither a paste file nor a policy file.
    for _ in range(2):
        done = machine.manage(config, "db", "sync")
        assert (done.returncode, done.stdout) == (0, CREATED), done.stderr
    machine.put("helm-api-paste.ini", "api-paste.ini")
    machine.put("helm-policy.yaml", "policy.yaml")
    with machine.command(config).running() as service:
        serves(service, "http://127.0.0.1:5000/v3", BOTH)
    assert "GET /healthcheck 200" in service.output
    assert "unknown" not in service.output
    for option in warned:
        assert service.output.count(option) == 1


@SLOW
def test_files_of_openstack_ansible_start_the_service(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    config = machine.put("osa-freezer-api.conf", "freezer-api.conf")
    machine.put("e3-paste.ini", "freezer-paste.ini")
    assert machine.manage(config, "db", "sync").returncode == 0
    # The service finds the configuration file in the home directory.
    (machine.root / "home").mkdir()
    (machine.root / "home/.freezer").symlink_to(machine.etc)
    with machine.module("freezer_api.wsgi:application").running() as service:
        serves(service, "http://127.0.0.1:5000", ["v2"])
    assert "use_journal needs the package systemd-python" in service.output
    for name in ("service_user", "service_user_domain"):
        assert service.output.count(f"[centralized_scheduler] {name} in ") == 1
    assert "GET /healthcheck 200" in service.output


@SLOW
def test_files_of_kolla_start_the_service_loaded_from_a_file(machine: Machine) -> None:
    config = machine.put("kolla-freezer.conf", "freezer.conf")
    machine.put("kolla-paste.ini", "freezer-paste.ini")
    assert machine.manage(config, "db", "update").returncode == 0
    path = ROOT / "freezer_api/cmd/wsgi.py"
    with machine.file(path, OS_FREEZER_CONFIG_FILES=str(config)).running() as service:
        serves(service, "http://127.0.0.1:5000", BOTH)
    logs = machine.root / "var/log/kolla/freezer"
    assert {file.name for file in logs.iterdir()} == {"freezer-api.log", "freezer-manage.log"}
    assert "GET /healthcheck 200" in (logs / "freezer-api.log").read_text()


@SLOW
@pytest.mark.parametrize(("name", "replicas"), [("kolla-es", 1), ("kolla-2018", 0)])
def test_files_of_kolla_start_the_service_on_elasticsearch(
    machine: Machine, search: Server, name: str, replicas: int
) -> None:
    config = machine.put(f"{name}-freezer.conf", "freezer.conf", **{"http://127.0.0.1:9200": search.url})
    machine.put("kolla-paste.ini", "freezer-paste.ini")
    done = machine.manage(config, "db", "update")
    assert (done.returncode, done.stdout) == (0, CREATED), done.stderr
    shown = json.loads(machine.manage(config, "db", "show").stdout)
    assert {index["replicas"] for index in shown.values()} == {replicas}
    assert set(shown) == {f"freezer-{kind}-000001" for kind in ALL}
    with machine.command(config).running() as service:
        serves(service, "http://127.0.0.1:5000", BOTH)


@SLOW
@pytest.mark.store("elasticsearch8")
class TestDevstack:
    @pytest.fixture
    def secure(self, search_servers: SearchServers) -> Iterator[Server]:
        server = search_servers.server("elasticsearch", "8", secure=True)
        yield server
        _clear(server)

    @pytest.fixture
    def put(self, machine: Machine, secure: Server) -> Callable[[], Path]:
        def _put() -> Path:
            machine.put("e3-paste.ini", "freezer-paste.ini")
            changed = {
                "https://127.0.0.1:9200": secure.url,
                "freezer:placeholder": f"{secure.access.user}:{secure.access.password}",
            }
            return machine.put("devstack-freezer-api.conf", "freezer-api.conf", **changed)

        return _put

    def test_files_of_devstack_start_the_service_with_tls_and_password(
        self, machine: Machine, secure: Server, put: Callable[[], Path]
    ) -> None:
        config = put()
        authority = machine.root / "etc/elasticsearch/certs/http_ca.crt"
        missing = machine.manage(config, "db", "update")
        assert missing.returncode == 1
        assert missing.stderr.splitlines()[-1] == (
            f"freezer-manage: [elasticsearch] ca_certs in {config}: {authority} cannot be read"
        )
        authority.parent.mkdir(parents=True)
        assert secure.access.ca is not None
        authority.write_bytes(secure.access.ca.read_bytes())
        done = machine.manage(config, "db", "update")
        assert (done.returncode, done.stdout) == (0, CREATED), done.stderr
        shown = machine.manage(config, "db", "show")
        assert len(json.loads(shown.stdout)) == len(ALL)
        assert secure.access.password not in done.stderr + shown.stderr
        with machine.module("freezer_api.wsgi:app", OS_FREEZER_CONFIG_FILES=str(config)).running() as service:
            assert service.get("/healthcheck").body == b"OK"
            assert [version["id"] for version in service.get("/").json["versions"]] == ["v2"]
            assert service.get("/v2/p/jobs").status == 401
        assert secure.access.password not in service.output


@SLOW
@pytest.mark.parametrize("era", ["e1", "e2-v1"])
def test_files_of_the_first_releases_start_the_service(machine: Machine, search: Server, era: str) -> None:
    config = machine.put(f"{era}-freezer-api.conf", "freezer-api.conf", **{"http://127.0.0.1:9200": search.url})
    machine.put("e1-paste.ini" if era == "e1" else "kolla-paste.ini", "freezer-paste.ini")
    machine.put("e1-policy.json", "policy.json")
    done = machine.manage(config, "-y", "db", "sync")
    assert (done.returncode, done.stdout) == (0, CREATED), done.stderr
    with machine.command(config).running() as service:
        uri = "http://127.0.0.1:5000/v3" if era == "e1" else "http://127.0.0.1:5000"
        serves(service, uri, BOTH)
    if era == "e1":
        log = (machine.root / "var/log/freezer-api/freezer-api.log").read_text()
        for name in ("auth_host", "admin_user", "admin_password", "identity_uri"):
            assert f"[keystone_authtoken] {name} in {config} is an old name" in log
        assert f"[storage] db in {config} is an old name" in log
        moved = ("hosts", "index", "number_of_replicas", "timeout", "retries", "use_ssl", "verify_certs")
        for name in moved:
            assert f'Option "{name}" from group "storage" is deprecated' in log
        assert "placeholder" not in log


@SLOW
def test_files_of_puppet_start_the_service(machine: Machine) -> None:
    config = machine.put("puppet-freezer.conf", "freezer.conf")
    assert machine.manage(config, "db", "sync").returncode == 0
    with machine.command(config).running() as service:
        serves(service, "http://localhost:5000", BOTH)
    assert "GET /healthcheck 200" in (machine.root / "var/log/freezer/freezer.log").read_text()
