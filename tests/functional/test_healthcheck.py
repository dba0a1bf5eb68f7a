# SPDX-License-Identifier: Apache-2.0
"""The health check for load balancers."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.repository.protocol import Repository
from tests.functional.client import Client
from tests.functional.conftest import Identity, app
from tests.functional.versions import V1, Version
from tests.support.disturbed import Disturbed, cut

TEXT = {"Accept": None}

PASTE = """
[composite:main]
use = egg:Paste#urlmap
/healthcheck = healthcheck
/ = api
[app:healthcheck]
paste.app_factory = oslo_middleware:Healthcheck.app_factory
backends = freezer_store
detailed = true
[app:api]
paste.app_factory = freezer_api.service:freezer_app_factory
"""


@pytest.fixture
def switch(conf: cfg.ConfigOpts, tmp_path: Path) -> Path:
    """The file whose existence makes the health check fail."""
    path = tmp_path / "disabled"
    configuration = tmp_path / "freezer-api.conf"
    configuration.write_text(f"[healthcheck]\ndisable_by_file_path = {path}\n")
    conf(["--config-file", str(configuration)], project="freezer")
    return path


@pytest.mark.parametrize("path", ["/healthcheck", "/healthcheck/"])
def test_file_disables_the_service_for_load_balancers(switch: Path, client: Client, path: str) -> None:
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


class TestStore:
    """The optional check of the store."""

    @pytest.fixture
    def store(self, repository: Repository) -> Disturbed:
        return Disturbed(repository)

    def _checks_the_store(self, client: Client, store: Disturbed) -> None:
        answer = client.unchecked("GET", "/healthcheck", by=None, headers=TEXT)
        assert (answer.status, answer.data) == (200, b"OK")
        store.before("check", "*", cut)
        answer = client.unchecked("GET", "/healthcheck", by=None, headers=TEXT)
        assert (answer.status, answer.data) == (503, b"STORE NOT AVAILABLE")
        assert client.unchecked("GET", "/healthcheck", by=None, headers=TEXT).status == 200

    def test_option_in_the_configuration_adds_the_store_check(
        self, tmp_path: Path, conf: cfg.ConfigOpts, store: Disturbed, version: Version, identity: Identity
    ) -> None:
        configuration = tmp_path / "freezer-api.conf"
        configuration.write_text("[healthcheck]\nbackends = freezer_store\n")
        conf(["--config-file", str(configuration)], project="freezer")
        service = app.build_standalone(conf, store)
        self._checks_the_store(Client(service, version, identity), store)

    def test_option_in_the_paste_file_adds_the_store_check(
        self, tmp_path: Path, conf: cfg.ConfigOpts, store: Disturbed, version: Version, identity: Identity
    ) -> None:
        paste = tmp_path / "freezer-paste.ini"
        paste.write_text(PASTE)
        configuration = tmp_path / "freezer-api.conf"
        configuration.write_text(f"[paste_deploy]\nconfig_file = {paste}\n")
        conf(["--config-file", str(configuration)], project="freezer")
        self._checks_the_store(Client(app.build(conf, store).app, version, identity), store)

    @pytest.fixture
    def conf(self, conf: cfg.ConfigOpts, tmp_path: Path) -> cfg.ConfigOpts:
        configuration = tmp_path / "freezer-api.conf"
        configuration.write_text("[healthcheck]\nbackends = disable_by_file, freezer_store\n")
        conf(["--config-file", str(configuration)], project="freezer")
        return conf

    def test_hanging_store_is_checked_once_and_does_not_block(
        self, conf: cfg.ConfigOpts, store: Disturbed
    ) -> None:
        client = Client(app.build_standalone(conf, store), V1, lambda _who: {})
        goes_on = threading.Event()
        looked = threading.Semaphore(0)
        store.before("check", "*", lambda: (looked.release(), goes_on.wait(60)))

        def health() -> tuple[int, bytes]:
            answer = client.unchecked("GET", "/healthcheck", by=None, headers=TEXT)
            return answer.status, answer.data

        with ThreadPoolExecutor(8) as probes:
            answers = [probes.submit(health) for _ in range(8)]
        # The response has a line for each backend.
        assert {answer.result() for answer in answers} == {(503, b"OK\nSTORE NOT AVAILABLE")}
        # The store is checked once for all probes.
        assert looked.acquire(timeout=60)
        assert not looked.acquire(blocking=False)
        goes_on.set()
        while health() != (200, b"OK\nOK"):
            pass


@pytest.mark.parametrize("where", ["configuration", "paste file"])
class TestOptions:
    """Options of oslo.middleware in the configuration and paste files; the paste file takes precedence."""

    @pytest.fixture
    def check(
        self, where: str, conf: cfg.ConfigOpts, repository: Repository, tmp_path: Path
    ) -> Callable[[str], Client]:
        def checked(options: str) -> Client:
            paste, configuration = tmp_path / "paste.ini", tmp_path / "freezer-api.conf"
            text = PASTE.replace("backends = freezer_store\ndetailed = true\n", "{}")
            paste.write_text(text.format(f"{options}\n" if where == "paste file" else ""))
            configuration.write_text(
                f"[paste_deploy]\nconfig_file = {paste}\n[healthcheck]\n"
                + (
                    options
                    if where == "configuration"
                    else "detailed = true\nallowed_source_ranges = 192.0.2.0/24"
                )
            )
            conf(["--config-file", str(configuration)], project="freezer")
            return Client(app.build(conf, repository).app, V1, lambda _who: {})

        return checked

    def test_details_are_shown_to_allowed_source_addresses(
        self, where: str, check: Callable[[str], Client]
    ) -> None:
        client = check("detailed = true\nallowed_source_ranges = 127.0.0.0/8, 192.0.2.0/24")
        client.peer = "127.0.0.1"
        body = client.unchecked("GET", "/healthcheck", by=None).json
        assert body["detailed"]
        assert [reason["reason"] for reason in body["reasons"]] == ["OK"]

    def test_other_source_addresses_are_404(self, where: str, check: Callable[[str], Client]) -> None:
        client = check("allowed_source_ranges = 127.0.0.2/32, 192.0.2.0/24\ndetailed = false")
        client.peer = "127.0.0.2"
        assert client.unchecked("GET", "/healthcheck", by=None, headers=TEXT).data == b"OK"
        client.peer = "127.0.0.1"
        assert client.unchecked("GET", "/healthcheck", by=None).status == 404


def test_default_file_disables_the_service(conf: cfg.ConfigOpts, repository: Repository) -> None:
    app.build_standalone(conf, repository)
    assert conf.healthcheck.disable_by_file_path == "/etc/freezer/healthcheck_disable"
