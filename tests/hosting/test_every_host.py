# SPDX-License-Identifier: Apache-2.0
"""The service behaves in the same way under every server."""

import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from tests.hosting import hosts
from tests.hosting.hosts import Host, Place
from tests.support.http_client import JOB, LIMIT, REQUEST_ID, ask, connect, raw, send

HOSTS: dict[str, Callable[[Place], Host]] = {
    "uwsgi": hosts.UWSGI,
    "mod-wsgi": hosts.ModWSGI,
    "apache-uwsgi": hosts.ApacheBeforeUWSGI,
    "freezer-api": hosts.FreezerAPI,
    "gunicorn": hosts.Gunicorn,
    "gunicorn-preload": lambda place: hosts.Gunicorn(place, "--preload", "--threads", "4"),
    "uwsgi-by-module": hosts.UWSGIByModule,
    "mod-wsgi-devstack": hosts.DeployersModWSGI,
    "mod-wsgi-kolla": lambda place: hosts.DeployersModWSGI(place, "%{GLOBAL}", threads=1),
}
USUAL = ("uwsgi", "mod-wsgi")
"""One server of each kind; ``tests/service`` tests the command."""


@pytest.fixture(
    scope="module",
    params=[name if name in USUAL else pytest.param(name, marks=pytest.mark.slow) for name in HOSTS],
)
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    place = Place()
    made = HOSTS[request.param](place)
    try:
        yield made.start()
        assert "Traceback" not in made.logged()
    finally:
        made.end()
        place.remove()


def takes_chunks(host: Host) -> bool:
    """Return whether the server passes chunked bodies to the service."""
    return not isinstance(host, hosts.ApacheBeforeUWSGI | hosts.DeployersModWSGI | hosts.UWSGIByModule)


def test_versions_are_listed(host: Host) -> None:
    answer = ask(f"{host.url}/")
    assert answer.status == 300
    assert re.fullmatch(REQUEST_ID, answer.headers["x-openstack-request-id"])
    links = [version["links"][0]["href"] for version in answer.json()["versions"]]
    assert links == [f"{host.url}/v2/", f"{host.url}/v1/"]


def test_logs_contain_no_query_string(host: Host) -> None:
    if type(host) not in (hosts.UWSGI, hosts.ModWSGI, hosts.ApacheBeforeUWSGI, hosts.FreezerAPI):
        pytest.skip("only shipped files define what is logged")
    word = f"tulip{uuid.uuid4().hex}"
    assert ask(f"{host.url}/v1/jobs?search=%7B%22match%22:[%7B%22_all%22:%22{word}%22%7D]%7D").status == 200
    # When the second request is logged, the line of the first is complete.
    assert ask(f"{host.url}/v1/sessions?limit=1").status == 200
    deadline = time.monotonic() + 60
    while "/v1/sessions" not in host.logged() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "/v1/sessions" in host.logged()
    assert word not in host.logged()


def test_v1_and_v2_share_a_client(host: Host) -> None:
    name = f"c-{uuid.uuid4().hex}"
    client = {"client_id": name, "hostname": "web1.example.org"}
    assert ask(f"{host.url}/v1/clients", "POST", client).json() == {"client_id": name}
    assert ask(f"{host.url}/v1/clients", "POST", client).refusal() == (409, "Document already existing")
    shown = ask(f"{host.url}/v2/demo/clients/{name}").json()
    assert (shown["client"]["hostname"], shown["project_id"]) == ("web1.example.org", "demo")


def test_get_with_a_body_is_a_search(host: Host) -> None:
    made = ask(f"{host.url}/v1/jobs/", "POST", JOB | {"description": f"d{uuid.uuid4().hex}"}).json()["job_id"]
    shown = ask(f"{host.url}/v1/jobs/{made}").json()
    found = ask(f"{host.url}/v1/jobs/", "GET", {"match": [{"description": shown["description"]}]}).json()
    assert [job["job_id"] for job in found["jobs"]] == [made]


def test_chunked_body_is_read_or_refused(host: Host) -> None:
    nothing = json.dumps({"match": [{"client_id": "unknown"}]}).encode()
    ask(f"{host.url}/v1/jobs", "POST", JOB)
    answers = [
        ask(f"{host.url}/v1/jobs", "POST", iter([json.dumps(JOB).encode()])),
        ask(f"{host.url}/v1/jobs", "GET", iter([nothing[:5], nothing[5:]])),
    ]
    if takes_chunks(host):
        assert [answer.status for answer in answers] == [201, 200]
        assert answers[1].json() == {"jobs": []}
        too_large = ask(f"{host.url}/v1/backups", "POST", iter([b" " * 65536] * (LIMIT // 65536 + 1)))
        assert too_large.refusal() == (413, "Request entity too large")
    else:
        # The service must not respond as if there was no body.
        assert {answer.status for answer in answers} <= {400, 411}


@pytest.mark.parametrize("path", ["/v1/backups", "/v1/nowhere", "/v2/demo/backups"])
@pytest.mark.parametrize("size", [100 * 1024, LIMIT, LIMIT + 1, 4 * LIMIT])
def test_response_to_a_large_body_arrives(host: Host, path: str, size: int) -> None:
    body = b'{"backup_metadata": "' + b"x" * (size - 23) + b'"}'
    answer = ask(host.url + path, "POST", body)
    if isinstance(host, hosts.DeployersModWSGI) and size > 102400:
        # Apache refuses the body itself, because of LimitRequestBody.
        assert (answer.status, b"<html>" in answer.body) == (413, True)
        return
    expected = 404 if "nowhere" in path else 413 if size > LIMIT else 400
    assert answer.refusal()[0] == expected


def test_error_has_the_request_id_of_the_client(host: Host) -> None:
    answer = ask(f"{host.url}/v1/jobs/nope", headers={"X-Openstack-Request-ID": "req-of-mine"})
    assert answer.refusal() == (404, "Not Found")
    assert answer.headers["x-openstack-request-id"] == "req-of-mine"


def test_options_is_answered_and_unsupported_methods_are_405(host: Host) -> None:
    options = ask(f"{host.url}/v1/jobs", "OPTIONS")
    assert (options.status, options.headers["allow"]) == (200, "GET, POST, OPTIONS")
    head = ask(f"{host.url}/v1/jobs", "HEAD")
    assert (head.status, head.body) == (405, b"")
    assert ask(f"{host.url}/v1/jobs", "PUT", {}).refusal()[0] == 405


def test_unusual_paths_and_links_to_the_next_page_work(host: Host) -> None:
    assert ask(f"{host.url}//v1/jobs/?limit=1").status == 200
    assert ask(f"{host.url}/v1/jobs/a%20b").refusal()[0] == 404
    for _ in range(2):
        ask(f"{host.url}/v1/sessions", "POST", {"schedule": {}})
    first = ask(f"{host.url}/v1/sessions?limit=1")
    assert first.next_page
    assert first.next_page.startswith(f"{host.url}/v1/sessions?limit=1&marker=")
    assert len(ask(first.next_page).json()["sessions"]) == 1


def test_request_line_of_the_maximum_length_is_read(host: Host) -> None:
    before = urlsplit(f"{host.url}/v1/jobs?search=%22")
    space = 8190 - len(f"GET {before.path}?{before.query} HTTP/1.1\r\n")
    search = f"{host.url}/v1/jobs?search=%22{'x' * space}"
    if isinstance(host, hosts.UWSGIByModule):
        # With the default buffer-size, uWSGI closes the connection.
        with pytest.raises(ConnectionError):
            ask(search)
    else:
        assert ask(search).refusal() == (400, "Malformed JSON")


def test_connection_is_kept_or_closed_with_a_header(host: Host) -> None:
    connection = connect(host.url)
    target = urlsplit(f"{host.url}/v1/jobs?limit=1").path
    try:
        first = send(connection, "GET", target)
        assert first.status == 200
        # Without the option add-header, uWSGI closes the connection without sending ``Connection: close``.
        silent = isinstance(host, hosts.UWSGIByModule)
        if not silent and first.headers.get("connection", "").lower() != "close":
            assert send(connection, "GET", target).status == 200
    finally:
        connection.close()


def test_identity_headers_of_clients_are_ignored(host: Host) -> None:
    job = f"of-root-{uuid.uuid4().hex}"
    created = ask(f"{host.url}/v1/jobs/{job}", "POST", JOB, {"X-Auth-Token": "root:root:admin"})
    assert created.status == 201
    target = urlsplit(f"{host.url}/v1/jobs/{job}").path
    for user, status in (
        ("X-User-Id", "X-Identity-Status"),
        ("X_User_Id", "X_Identity_Status"),
        ("X_USER-ID", "x-identity_status"),
        ("x-user_id", "X-IDENTITY-STATUS"),
    ):
        forged = (
            f"{user}: root",
            f"{status}: Confirmed",
            "X_Roles: admin",
            "X-Roles: admin",
            "X_Project_Id: root",
        )
        answer = raw(host.url, f"GET {target} HTTP/1.1", "Host: localhost", *forged)
        # 404: the job belongs to another user. 400: the server refuses such header names.
        assert re.match(rb"HTTP/1\.[01] (404|400) ", answer), answer


def test_each_request_is_logged_once(host: Host) -> None:
    request = f"req-{uuid.uuid4().hex}"
    ask(f"{host.url}/v1/jobs", headers={"X-Openstack-Request-ID": request})
    lines = [line for line in host.logged().splitlines() if request in line and "freezer_api.access" in line]
    assert len(lines) == 1
    assert "GET /backup/v1/jobs 200" in lines[0] if host.path else "GET /v1/jobs 200" in lines[0]
