# SPDX-License-Identifier: Apache-2.0
"""The service with the shipped paste file and those of deployers. Keystone is unreachable in these tests."""

import logging
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from keystonemiddleware import audit
from oslo_config import cfg

from freezer_api.conf import opts
from freezer_api.errors import ConfigurationError
from freezer_api.repository.protocol import Repository
from tests.compat.deployers import DEPLOYERS
from tests.functional.client import Client
from tests.functional.conftest import app
from tests.functional.versions import V1

pytestmark = pytest.mark.any_store

OURS = Path(__file__).parents[2] / "etc/freezer/freezer-paste.ini"
FILES = {"ours": OURS} | {path.stem.removesuffix("-paste"): path for path in DEPLOYERS.glob("*-paste.ini")}

FORGED = {
    "X-Identity-Status": "Confirmed",
    "X-Service-Identity-Status": "Confirmed",
    "X-User-Id": "mallory",
    "X-User-Name": "mallory",
    "X-User": "mallory",
    "X-Project-Id": "library",
    "X-Tenant-Id": "library",
    "X-Tenant": "library",
    "X-Roles": "admin,member",
    "X-Role": "admin",
    "X-Service-Roles": "service",
    "X-Is-Admin-Project": "True",
    "OpenStack-System-Scope": "all",
}
BACKUP = {"container": "c", "hostname": "h", "backup_name": "b"}

Compose = Callable[..., Client]


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses every connection."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def compose(conf: cfg.ConfigOpts, repository: Repository, tmp_path: Path, closed_port: int) -> Compose:
    def composed(paste: Path, more: str = "", name: str = "main", loopback_only: bool = False) -> Client:
        configuration = tmp_path / "freezer-api.conf"
        url = f"http://127.0.0.1:{closed_port}/v3"
        configuration.write_text(
            f"[DEFAULT]\n{more}\n[paste_deploy]\nconfig_file = {paste}\n[keystone_authtoken]\n"
            f"auth_type = password\nauth_url = {url}\nwww_authenticate_uri = {url}\n"
            "username = freezer\npassword = freezer\n"
        )
        conf(["--config-file", str(configuration)], project="freezer")
        built = app.build(conf, repository, name)
        assert built.loopback_only == loopback_only
        return Client(built.app, V1, lambda _who: {})

    return composed


@pytest.fixture(params=FILES)
def client(request: pytest.FixtureRequest, compose: Compose) -> Client:
    return compose(FILES[request.param])


def test_versions_and_healthcheck_need_no_token(client: Client) -> None:
    for headers in ({}, FORGED, {"X-Auth-Token": "rubbish"}):
        assert client("GET", "/", by=None, headers=headers).status == 300
        for path in ("/healthcheck", "/healthcheck/"):
            health = client.unchecked("GET", path, by=None, headers={"Accept": None, **headers})
            assert (health.status, health.data) == (200, b"OK")
            assert health.headers["x-openstack-request-id"]


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/", "/v1/jobs", "//v1/jobs/", "/v1/nonsense", "/nonsense", "/v1/health"]
)
@pytest.mark.parametrize("headers", [{}, FORGED], ids=["nothing", "forged"])
def test_other_paths_without_token_are_401_fault_15(client: Client, path: str, headers: dict[str, str]) -> None:
    for method in ("GET", "POST", "OPTIONS", "DELETE"):
        answer = client.unchecked(method, path, by=None, headers=headers)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith('Keystone uri="http://127.0.0.1:')
        assert answer.headers["x-openstack-request-id"].startswith("req-")


def test_unreachable_keystone_is_503_within_10_s(client: Client) -> None:
    begun = time.monotonic()
    answer = client("GET", "jobs", headers={"X-Auth-Token": "some-token"} | FORGED)
    assert time.monotonic() - begun < 10
    assert answer.error == (503, "Service Unavailable", "The identity service is not available, try again later")
    assert answer.headers["retry-after"] == "5"


def test_context_filter_refuses_unconfirmed_identity(compose: Compose, tmp_path: Path) -> None:
    text = OURS.read_text().replace(
        "auth_token:filter_factory", "auth_token:filter_factory\ndelay_auth_decision = true"
    )
    (tmp_path / "paste.ini").write_text(text)
    client = compose(tmp_path / "paste.ini")
    for headers in ({}, FORGED):
        answer = client("GET", "nonsense", by=None, headers=headers)
        assert answer.error == (401, "Unauthorized", "The request carries no confirmed identity of a user")
    assert client("GET", "/", by=None).status == 300


def test_application_uses_the_configuration_that_the_server_passes(
    conf: cfg.ConfigOpts, compose: Compose, tmp_path: Path
) -> None:
    from freezer_api import service

    compose(OURS)
    conf.clear()
    conf.register_cli_opts(opts.STANDALONE)
    arguments = ["--config-file", str(tmp_path / "freezer-api.conf"), "--data-dir", str(tmp_path / "new")]
    conf(arguments, project="freezer")
    client = Client(service.initialize_app(conf), V1, lambda _who: {})
    assert client("GET", "/", by=None).status == 300
    assert client.unchecked("GET", "/v1/jobs", by=None).status == 401
    assert (tmp_path / "new/freezer.sqlite").exists()


class TestHealth:
    @pytest.mark.parametrize("name", FILES)
    def test_disable_by_file_path_of_the_paste_file_takes_effect(
        self, name: str, compose: Compose, tmp_path: Path
    ) -> None:
        switch = tmp_path / "disabled"
        text = FILES[name].read_text().replace("/etc/freezer/healthcheck_disable", str(switch))
        (tmp_path / "paste.ini").write_text(text)
        client = compose(tmp_path / "paste.ini")
        switch.touch()
        health = client.unchecked("GET", "/healthcheck", by=None, headers={"Accept": None})
        assert (health.status, health.data) == (503, b"DISABLED BY FILE")

    def test_obsolete_filter_is_replaced_with_a_warning(
        self, compose: Compose, caplog: pytest.LogCaptureFixture
    ) -> None:
        compose(FILES["kolla"])
        (line,) = (record.getMessage() for record in caplog.records if "health check" in record.getMessage())
        assert str(FILES["kolla"]) in line
        caplog.clear()
        compose(OURS)
        assert not [record for record in caplog.records if record.name.startswith("freezer_api")]

    def test_health_app_of_the_first_releases_answers_200(self, compose: Compose, tmp_path: Path) -> None:
        text = FILES["e1"].read_text()
        (tmp_path / "paste.ini").write_text(text.replace("pipeline = healthcheck", "pipeline = HealthApp", 1))
        client = compose(tmp_path / "paste.ini")
        answer = client.unchecked("GET", "/v1/health", by=None)
        assert (answer.status, answer.data) == (200, b"")
        assert client.unchecked("GET", "/v1/jobs", by=None).status == 401


class TestWithoutAuthtoken:
    """Without authtoken tokens are not verified and only loopback requests are served (``test_loopback.py``)."""

    @pytest.fixture(params=FILES)
    def client(self, request: pytest.FixtureRequest, compose: Compose, tmp_path: Path) -> Client:
        text = FILES[request.param].read_text()
        assert "authtoken context" in text
        (tmp_path / "paste.ini").write_text(text.replace("authtoken context ", "", 1))
        return compose(tmp_path / "paste.ini", loopback_only=True)

    @pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
    def test_loopback_peer_is_served(self, client: Client, address: str) -> None:
        client.peer = address
        if client("GET", "/", by=None).json["versions"]:
            assert client("POST", "backups", BACKUP, headers={"X-Auth-Token": "alice:library"}).status in (
                201,
                404,
            )
        assert client("GET", "backups", headers={"X-Auth-Token": "alice"}).status == 401

    def test_forged_headers_give_no_role_fault_15(self, client: Client) -> None:
        reader = FORGED | {"X-Auth-Token": "mallory:library:reader"}
        assert client("POST", "backups", BACKUP, headers=reader).status in (403, 404)
        assert client("POST", "backups", BACKUP, headers=FORGED | {"X-Auth-Token": "rubbish"}).status == 401

    def test_missing_authtoken_is_logged(self, client: Client, caplog: pytest.LogCaptureFixture) -> None:
        logged = [record.getMessage() for record in caplog.get_records("setup")]
        assert any("has no authtoken filter" in line for line in logged)


class TestAudit:
    """The audit filter, in an environment without oslo.messaging."""

    @staticmethod
    def _warnings(
        compose: Compose, caplog: pytest.LogCaptureFixture, tmp_path: Path, setting: str = "", more: str = ""
    ) -> list[str]:
        (tmp_path / "paste.ini").write_text(
            OURS.read_text().replace("authtoken context", "authtoken audit context")
            + f"[filter:audit]\npaste.filter_factory = keystonemiddleware.audit:filter_factory\n{setting}\n"
        )
        compose(tmp_path / "paste.ini", more)
        return [record.getMessage() for record in caplog.records if "audit" in record.getMessage()]

    def test_missing_oslo_messaging_is_a_warning(
        self, compose: Compose, caplog: pytest.LogCaptureFixture, tmp_path: Path
    ) -> None:
        (line,) = self._warnings(compose, caplog, tmp_path)
        assert line.startswith(f"{tmp_path}/paste.ini names the audit filter, but oslo.messaging is not installed")

    @pytest.mark.parametrize(
        ("setting", "more"),
        [
            ("use_oslo_messaging = false", ""),
            ("", "[audit_middleware_notifications]\nuse_oslo_messaging = false"),
        ],
    )
    def test_audit_events_for_the_log_need_no_warning(
        self, compose: Compose, caplog: pytest.LogCaptureFixture, tmp_path: Path, setting: str, more: str
    ) -> None:
        assert not self._warnings(compose, caplog, tmp_path, setting, more)

    def test_audit_filter_uses_options_of_the_service(
        self, compose: Compose, caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = []
        monkeypatch.setattr(audit, "AuditMiddleware", lambda _app, **conf: made.append(conf["oslo_config_config"]))
        self._warnings(compose, caplog, tmp_path, more="[audit_middleware_notifications]\ndriver = log")
        assert [conf.audit_middleware_notifications.driver for conf in made] == ["log"]


class TestVersions:
    @staticmethod
    def _offered(client: Client) -> list[str]:
        answer = client("GET", "/", by=None)
        return [version["links"][0]["href"].rstrip("/")[-2:] for version in answer.json["versions"]]

    def test_root_lists_the_versions_of_the_composite_section(self, compose: Compose) -> None:
        assert self._offered(compose(FILES["helm-api"])) == ["v2", "v1"]
        assert self._offered(compose(FILES["e3"])) == ["v2"]

    def test_root_does_not_list_a_disabled_version(self, compose: Compose, tmp_path: Path) -> None:
        text = OURS.read_text().replace("/ = api", "/ = unauthenticated_api")
        # The section of a disabled version is not loaded.
        text = text.replace("freezer_api.service:freezer_appv1_factory", "no.such:factory")
        (tmp_path / "paste.ini").write_text(text)
        client = compose(tmp_path / "paste.ini", "enable_v1_api = false", loopback_only=True)
        assert self._offered(client) == ["v2"]
        assert client("GET", "/v1/jobs", by=None).status == 404
        assert client("GET", "/v2/demo/jobs", by=None).status == 200
        with pytest.raises(ConfigurationError, match=r"paste.ini cannot be used: .*no"):
            compose(tmp_path / "paste.ini")

    def test_mounted_disabled_version_is_404(self, compose: Compose, tmp_path: Path) -> None:
        text = OURS.read_text().replace("/ = api", "/ = unauthenticated_api\n/v1 = appv1")
        (tmp_path / "paste.ini").write_text(text)
        client = compose(tmp_path / "paste.ini", "enable_v1_api = false", loopback_only=True)
        assert client("GET", "/v1/jobs", by=None).status == 404

    def test_version_mounted_at_another_path_serves_and_links_there(
        self, compose: Compose, tmp_path: Path
    ) -> None:
        text = OURS.read_text().replace("/ = api", "/backup/one = appv1\n/ = api")
        (tmp_path / "paste.ini").write_text(text.replace("authtoken context ", ""))
        client = compose(tmp_path / "paste.ini", loopback_only=True)
        for number in range(2):
            client("POST", f"/backup/one/jobs/job-{number}", {"client_id": "c", "job_actions": []}, by=None)
        page = client("GET", "/backup/one/jobs?limit=1", by=None)
        assert "</backup/one/jobs?limit=1&marker=" in page.headers["link"].replace(
            "http://backup.localhost:9090", ""
        )
        assert client("GET", "/backup/one", by=None).headers["content-type"].startswith("application/json-home")


class TestUnusable:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "No section"),
            ("[pipeline:main]\npipeline = nothing here\n", "here"),
            ("[app:main]\npaste.app_factory = no.such:thing\n", "section main: No module named 'no'"),
            ("[app:main]\npaste.app_factory = freezer_api.service:no_such\n", "no_such"),
            ("[app:main]\nuse = egg:freezer-api#service_v9\n", "service_v9"),
            ("hunter2\n", "line 1 is in no section"),
            ("[app:main]\nhunter2\n", "line 2 is neither [section] nor name = value"),
            ("[app:main]\npassword = hunter2%\n", "[app:main] password has a single %; write %% instead"),
            ("[app:main]\npassword = %(hunter2)s\n", "[app:main] password has a single %; write %% instead"),
            ("[pipeline:main]\npipeline = main\n", "a section is part of itself"),
            ("[pipeline:main]\npipeline =\n", "a pipeline is empty"),
        ],
    )
    def test_unusable_paste_file_is_reported_with_the_reason(
        self, compose: Compose, tmp_path: Path, text: str, reason: str
    ) -> None:
        (tmp_path / "paste.ini").write_text(text)
        with pytest.raises(ConfigurationError) as refused:
            compose(tmp_path / "paste.ini")
        (line,) = str(refused.value).splitlines()
        assert line.startswith(f"the paste file {tmp_path}/paste.ini cannot be used: ")
        assert reason in line
        assert "hunter2" not in line

    def test_missing_paste_file_is_an_error(self, compose: Compose) -> None:
        with pytest.raises(ConfigurationError, match=r"paste file /no/such\.ini not found"):
            compose(Path("/no/such.ini"))

    def test_pipeline_without_its_application_is_an_error(self, compose: Compose) -> None:
        for name in ("kolla", "e3", "e1"):
            with pytest.raises(ConfigurationError, match=r"freezer_app|Healthcheck"):
                compose(FILES[name], name="unauthenticated_freezer_api")

    def test_unknown_auth_plugin_is_an_error(self, compose: Compose, tmp_path: Path) -> None:
        text = OURS.read_text().replace(
            "auth_token:filter_factory", "auth_token:filter_factory\nauth_type = nonsense"
        )
        (tmp_path / "paste.ini").write_text(text)
        with pytest.raises(ConfigurationError, match="nonsense"):
            compose(tmp_path / "paste.ini")


def test_entry_point_of_old_paste_files_serves(compose: Compose, tmp_path: Path) -> None:
    (tmp_path / "paste.ini").write_text("[app:main]\nuse = egg:freezer-api#service_v1\n")
    client = compose(tmp_path / "paste.ini", loopback_only=True)
    assert client("GET", "jobs", by=None).json == {"jobs": []}


def test_each_section_of_our_paste_file_has_a_comment() -> None:
    sections = OURS.read_text().split("\n[")
    assert sections[0].startswith("#")
    for section in sections[1:]:
        name = section.partition("]")[0]
        if not name.startswith("app:"):
            before = OURS.read_text().partition(f"[{name}]")[0].rstrip().splitlines()[-1]
            assert before.startswith("#"), name


def test_access_log_has_no_forged_user(compose: Compose, caplog: pytest.LogCaptureFixture) -> None:
    client = compose(OURS)
    with caplog.at_level(logging.INFO, "freezer_api.access"):
        client.unchecked("GET", "/v1/jobs", by=None, headers=FORGED)
    (line,) = (record.getMessage() for record in caplog.records if record.name == "freezer_api.access")
    assert " GET /v1/jobs 401 " in line
    assert line.endswith("user=- project=-")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("enabled", [True, False])
def test_links_use_proxy_headers_only_if_enabled(compose: Compose, name: str, enabled: bool) -> None:
    # A reload reads the options into a new object, so the filters must not read the global ``cfg.CONF``.
    client = compose(FILES[name], f"[oslo_middleware]\nenable_proxy_headers_parsing = {enabled}")
    answer = client("GET", "/", by=None, headers={"X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/backup"})
    place = "https://backup.localhost:9090/backup" if enabled else "http://backup.localhost:9090"
    assert answer.json["versions"][0]["links"][0]["href"] == f"{place}/v2/"
