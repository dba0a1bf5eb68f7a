"""The health that load balancers look at (http-v1.md 3)."""

from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.repository.protocol import Repository
from tests.disturbed import Disturbed, cut
from tests.http.client import Client
from tests.http.conftest import Identity, app
from tests.http.versions import Version

TEXT = {"Accept": None}

PASTE = """
[composite:main]
use = egg:Paste#urlmap
/healthcheck = healthcheck
/ = api
[app:healthcheck]
paste.app_factory = oslo_middleware:Healthcheck.app_factory
backends = freezer_store
[app:api]
paste.app_factory = freezer_api.service:freezer_app_factory
"""


@pytest.fixture
def switch(conf: cfg.ConfigOpts, tmp_path: Path) -> Path:
    """The file that takes the service out of rotation while it is there."""
    path = tmp_path / "disabled"
    configuration = tmp_path / "freezer-api.conf"
    configuration.write_text(f"[healthcheck]\ndisable_by_file_path = {path}\n")
    conf(["--config-file", str(configuration)], project="freezer")
    return path


@pytest.mark.parametrize("path", ["/healthcheck", "/healthcheck/"])
def test_a_file_disables_the_service_for_load_balancers(switch: Path, client: Client, path: str) -> None:
    def health() -> tuple[int, bytes]:
        answer = client.unchecked("GET", path, by=None, headers=TEXT)
        assert answer.headers["content-type"].startswith("text/plain")
        return answer.status, answer.data

    assert health() == (200, b"OK")
    switch.touch()
    assert health() == (503, b"DISABLED BY FILE")
    answer = client.unchecked("GET", path, by=None)
    assert (answer.status, answer.json) == (503, {"detailed": False, "reasons": ["DISABLED BY FILE"]})
    assert client.unchecked("HEAD", path, by=None).status == 503
    assert client("GET", "jobs").status == 200
    switch.unlink()
    assert health() == (200, b"OK")


class TestTheStore:
    """Looked at where the operator wants it."""

    @pytest.fixture
    def store(self, repository: Repository) -> Disturbed:
        return Disturbed(repository)

    def _tells_of_the_store(self, client: Client, store: Disturbed) -> None:
        answer = client.unchecked("GET", "/healthcheck", by=None, headers=TEXT)
        assert (answer.status, answer.data) == (200, b"OK")
        store.before("check", "*", cut)
        answer = client.unchecked("GET", "/healthcheck", by=None, headers=TEXT)
        assert (answer.status, answer.data) == (503, b"STORE NOT AVAILABLE")
        assert client.unchecked("GET", "/healthcheck", by=None, headers=TEXT).status == 200

    def test_by_an_option(
        self, tmp_path: Path, conf: cfg.ConfigOpts, store: Disturbed, version: Version, identity: Identity
    ) -> None:
        configuration = tmp_path / "freezer-api.conf"
        configuration.write_text("[healthcheck]\nbackends = freezer_store\n")
        conf(["--config-file", str(configuration)], project="freezer")
        service = app.build_standalone(conf, store)
        self._tells_of_the_store(Client(service, version, identity), store)

    def test_by_a_paste_file(
        self, tmp_path: Path, conf: cfg.ConfigOpts, store: Disturbed, version: Version, identity: Identity
    ) -> None:
        paste = tmp_path / "freezer-paste.ini"
        paste.write_text(PASTE)
        configuration = tmp_path / "freezer-api.conf"
        configuration.write_text(f"[paste_deploy]\nconfig_file = {paste}\n")
        conf(["--config-file", str(configuration)], project="freezer")
        self._tells_of_the_store(Client(app.build(conf, store).app, version, identity), store)
