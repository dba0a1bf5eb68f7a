# SPDX-License-Identifier: Apache-2.0
"""Version discovery by keystoneauth1, the library of OpenStack's clients."""

from collections.abc import Callable

import pytest
from keystoneauth1.access import access
from keystoneauth1.adapter import Adapter
from keystoneauth1.identity.access import AccessInfoPlugin
from keystoneauth1.session import Session

from tests.support.service import Service

pytestmark = pytest.mark.any_store

PROJECT = "library"
CATALOGUED = ["", "/", "/v1", "/v1/", "/v2", "/v2/"]
"""Paths of the endpoints that deployers register."""

Login = Callable[[str], Session]


@pytest.fixture
def login(service: Service) -> Login:
    """Log in to a cloud whose catalog has this endpoint."""

    def make(path: str) -> Session:
        endpoint = {
            "id": "e1",
            "interface": "public",
            "region": "one",
            "region_id": "one",
            "url": service.url + path,
        }
        token = {
            "user": {"id": "alice", "name": "alice"},
            "project": {"id": PROJECT, "name": PROJECT},
            "catalog": [{"id": "s1", "type": "backup", "name": "freezer", "endpoints": [endpoint]}],
        }
        info = access.create(body={"token": token}, auth_token=f"alice:{PROJECT}")
        return Session(auth=AccessInfoPlugin(info))

    return make


@pytest.mark.parametrize("path", CATALOGUED)
def test_any_endpoint_leads_to_both_versions(service: Service, login: Login, path: str) -> None:
    found = login(path).get_all_version_data(service_type="backup")["one"]["public"]["backup"]
    assert [(version["version"], version["url"], version["status"]) for version in found] == [
        ("1.0", f"{service.url}/v1/", "CURRENT"),
        ("2.0", f"{service.url}/v2/", "CURRENT"),
    ]


@pytest.mark.parametrize(("wanted", "found"), [("1", "/v1"), ("2", "/v2"), ("latest", "/v2")])
@pytest.mark.parametrize("path", CATALOGUED)
def test_client_gets_the_requested_version(
    service: Service, login: Login, path: str, wanted: str, found: str
) -> None:
    bounds = {"min_version": wanted, "max_version": "latest" if wanted == "latest" else f"{wanted}.latest"}
    adapter = Adapter(login(path), service_type="backup", **bounds)
    assert adapter.get_endpoint().rstrip("/") == service.url + found
    assert adapter.get_api_major_version() == ((1, 0) if found == "/v1" else (2, 0))
    jobs = "/jobs/" if found == "/v1" else f"/{PROJECT}/jobs/"
    assert adapter.get(jobs, headers={"Accept": "application/json"}).json() == {"jobs": []}


def test_unknown_version_is_not_found(login: Login) -> None:
    assert (
        Adapter(login(""), service_type="backup", min_version="3", max_version="3.latest").get_endpoint() is None
    )
