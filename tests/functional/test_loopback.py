# SPDX-License-Identifier: Apache-2.0
"""Requests that are refused when tokens are not verified: in standalone mode and without an authtoken filter."""

from collections.abc import Callable
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.repository.protocol import Repository
from tests.functional.client import Client
from tests.functional.conftest import app
from tests.functional.versions import V1
from tests.support.service import OPEN_PASTE

pytestmark = pytest.mark.any_store

BACKUP = {"container": "c", "hostname": "h", "backup_name": "b"}


@pytest.fixture(params=["standalone", "without-authtoken"])
def client(request: pytest.FixtureRequest, conf: cfg.ConfigOpts, repository: Repository, tmp_path: Path) -> Client:
    if request.param == "standalone":
        service = app.build_standalone(conf, repository)
    else:
        (tmp_path / "paste.ini").write_text(OPEN_PASTE)
        conf.set_override("config_file", str(tmp_path / "paste.ini"), group="paste_deploy")
        service = app.build(conf, repository).app
    return Client(service, V1, lambda _who: {})


def assert_refused(client: Client, header: str, headers: dict[str, str | None]) -> None:
    """Check that every path but `GET /` and the health check is refused, before the token is parsed."""
    for method, path in (
        ("GET", "/v1/jobs"),
        ("POST", "/v1/jobs"),
        ("OPTIONS", "/v1/jobs"),
        ("GET", "/v1"),
        ("GET", "/nonsense"),
        ("POST", "/"),
        ("OPTIONS", "/"),
    ):
        answer = client(method, path, BACKUP, headers={"X-Auth-Token": "rubbish", **headers})
        status, title, description = answer.error
        assert (status, title) == (403, "Access Forbidden"), (method, path)
        assert f"header {header}" in description, (method, path)
    assert client("GET", "/", headers=headers).status == 300
    assert client.unchecked("GET", "/healthcheck", headers=headers).status == 200
    assert client.unchecked("GET", "/healthcheck/", headers=headers).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:9090",
        "LocalHost:1",
        "localhost.",
        "backup.localhost",
        "a.b-c.LOCALHOST.:9090",
        "localhost.localdomain",
        "ip6-localhost:9090",
        "127.0.0.1",
        "127.0.0.1:9090",
        "127.255.1.2",
        "[::1]",
        "[::1]:9090",
    ],
)
def test_host_that_names_loopback_is_served(client: Client, host: str) -> None:
    assert client("POST", "backups", BACKUP, headers={"Host": host}).status == 201


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:9090",
        "localhost.evil.example",
        "evil-localhost",
        ".localhost",
        "a..localhost",
        "localhost..",
        "localhost:9090:9090",
        "localhost:x",
        "evil.example,localhost",
        "localhost,localhost",
        "localhost, evil.example",
        "localhost evil.example",
        "evil@localhost",
        "evil.example/.localhost",
        "evil.example#.localhost",
        "local\u212aost",
        "128.0.0.1",
        "127.0.0.1.evil.example",
        "127.0.0.1.",
        "127.1",
        "0.0.0.0",
        "192.0.2.1:9090",
        "::1",
        "[::]",
        "[::1",
        "[::1].evil.example",
        "[127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[2001:db8::1]:9090",
        "",
        None,
    ],
)
def test_host_that_names_another_machine_is_refused(client: Client, host: str | None) -> None:
    assert_refused(client, "Host", {"Host": host})


def test_missing_host_is_served_in_http_1_0_only(client: Client) -> None:
    client.protocol = "HTTP/1.0"
    assert client("POST", "backups", BACKUP, headers={"Host": None}).status == 201
    assert_refused(client, "Host", {"Host": ""})
    assert_refused(client, "Host", {"Host": "evil.example"})
    assert_refused(client, "Origin", {"Host": None, "Origin": "http://localhost"})


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9090", "[::1]:9090", "Backup.localhost:80"])
@pytest.mark.parametrize("spelled", [str, str.lower, str.upper])
def test_origin_of_the_service_itself_is_served(client: Client, host: str, spelled: Callable[[str], str]) -> None:
    headers = {"Host": host, "Origin": spelled(f"http://{host}")}
    assert client("POST", "backups", BACKUP, headers=headers).status == 201


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://evil.example:9090",
        "null",
        "",
        "https://localhost:9090",
        "http://localhost",
        "http://localhost:9091",
        "http://127.0.0.1:9090",
        "http://localhost:9090/",
        "http://localhost:9090,http://localhost:9090",
        "http://localhost:9090 https://evil.example",
    ],
)
def test_origin_of_another_site_is_refused(client: Client, origin: str) -> None:
    assert_refused(client, "Origin", {"Host": "localhost:9090", "Origin": origin})


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded",
        "Via",
        "X-Real-IP",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Forwarded-Prefix",
        "X-Forwarded-Anything",
    ],
)
@pytest.mark.parametrize("value", ["127.0.0.1", ""])
def test_proxy_header_is_refused(client: Client, header: str, value: str) -> None:
    assert_refused(client, header, {header: value})


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "", "localhost", "unix:"])
def test_peer_on_another_machine_is_refused(client: Client, address: str) -> None:
    client.peer = address
    answer = client("GET", "/v1/jobs")
    description = "Tokens are not verified, so only requests from this machine are served"
    assert answer.error == (403, "Access Forbidden", description)
    assert client("GET", "/").status == 300
