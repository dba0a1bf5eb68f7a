"""The health that load balancers look at (http-v1.md 3)."""

from pathlib import Path

import pytest
from oslo_config import cfg

from tests.http.client import Client

TEXT = {"Accept": None}


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
