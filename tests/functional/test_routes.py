# SPDX-License-Identifier: Apache-2.0
"""The methods of each route; any other is 405."""

import pytest

from tests.functional.client import Client
from tests.functional.versions import V1

pytestmark = pytest.mark.any_store

ROUTES = {
    "/backups": "GET, POST",
    "/backups/an-id": "GET, DELETE",
    "/clients": "GET, POST",
    "/clients/an-id": "GET, PATCH, DELETE",
    "/jobs": "GET, POST",
    "/jobs/an-id": "GET, POST, PATCH, DELETE",
    "/jobs/an-id/event": "POST",
    "/actions": "GET, POST",
    "/actions/an-id": "GET, POST, PATCH, DELETE",
    "/sessions": "GET, POST",
    "/sessions/an-id": "GET, POST, PATCH, DELETE",
    "/sessions/an-id/action": "POST",
    "/sessions/an-id/jobs/an-id": "PUT, DELETE",
}
ROUTES_OF_V2 = {**ROUTES, "/backups/an-id": "GET, PATCH, DELETE"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "LOCK", "BREW", "get")


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("path", ROUTES)
def test_other_methods_of_a_route_are_405_fault_07(client: Client, path: str, slash: str) -> None:
    offered = (ROUTES if client.version is V1 else ROUTES_OF_V2)[path].split(", ")
    _offers(client, client.base + path + slash, offered)


@pytest.mark.parametrize("home", ["/v1", "/v1/", "/v2", "/v2/"])
def test_home_document_allows_only_get(client: Client, home: str) -> None:
    _offers(client, home, ["GET"])


def _offers(client: Client, url: str, offered: list[str]) -> None:
    options = client("OPTIONS", url)
    assert (options.status, options.data) == (200, b"")
    assert set(options.headers["allow"].split(", ")) == {*offered, "OPTIONS"}
    for method in METHODS:
        answer = client(method, url)
        if method in offered:
            assert answer.status not in (405, 500)
            assert not answer.data or answer.json.get("title") != "404 Not Found"
        else:
            assert answer.status == 405
            assert set(answer.headers["allow"].split(", ")) == {*offered, "OPTIONS"}
            assert method == "HEAD" or answer.json["title"] == "405 Method Not Allowed"


@pytest.mark.parametrize("path", ROUTES)
def test_routes_are_401_with_an_invalid_token(client: Client, path: str) -> None:
    for method in ("OPTIONS", "GET", "BREW"):
        assert client(method, client.base + path, by="bad-token").status == 401


def test_list_of_versions_allows_only_get(client: Client) -> None:
    for method in METHODS[1:]:
        answer = client(method, "/", by=None)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, OPTIONS")
