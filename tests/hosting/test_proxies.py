# SPDX-License-Identifier: Apache-2.0
"""Behind a reverse proxy: links in responses, and addresses of clients in the log."""

import json
import re
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.hosting.certificates import make_certificates
from tests.hosting.hosts import ETC, FreezerAPI, Host, Nginx, Place
from tests.support.http_client import JOB, LIMIT, Answer, ask
from tests.support.keystone import Keystone

PAGE = Path(__file__).parents[2] / "doc/source/install/servers.rst"

_BLOCK = re.search(r"location /backup/ \{(.*?)\}", PAGE.read_text(), re.DOTALL)
assert _BLOCK
DIRECTIVES = "".join(line for line in _BLOCK[1].splitlines() if "proxy_pass" not in line and "Prefix" not in line)
"""The nginx directives in the documentation, without those that add the prefix."""


def test_links_have_the_address_of_the_proxy(started: Callable[[Host], Host]) -> None:
    place = Place()
    try:
        place.configure("[pipeline:main]\npipeline = proxy app\n" + OPEN, TRUSTED)
        service = started(FreezerAPI(place))
        proxy = started(Nginx(place, stripped(service), "/backup"))
        assert hrefs(ask(f"{proxy.url}/")) == [f"{proxy.url}/v2/", f"{proxy.url}/v1/"]
        assert " 127.0.0.1 GET /backup/ 300" in last_access(service)
        assert ask(f"{proxy.url}/v1/jobs").refusal()[0] == 403
    finally:
        place.remove()


def stripped(service: Host, directives: str = DIRECTIVES) -> str:
    """Return the nginx block of a proxy that removes the prefix from the path and sends it in a header."""
    return (
        f"location /backup/ {{ proxy_pass http://127.0.0.1:{service.port}/; "
        f"proxy_set_header X-Forwarded-Prefix /backup; {directives} }}"
    )


PREFIXED = "\n/backup/healthcheck = healthcheck\n/backup = api\n"
OPEN = (
    "[filter:proxy]\npaste.filter_factory = oslo_middleware:HTTPProxyToWSGI.factory\n"
    "[app:app]\npaste.app_factory = freezer_api.service:freezer_app_factory\n"
)
TRUSTED = "[oslo_middleware]\nenable_proxy_headers_parsing = true"


@pytest.fixture
def place(keystone: Keystone) -> Iterator[Place]:
    """A configuration with the shipped paste file; without authtoken, requests of proxies are refused."""
    made = Place()
    made.configure((ETC / "freezer-paste.ini").read_text(), keystone.section() + TRUSTED)
    yield made
    made.remove()


@pytest.fixture
def token(keystone: Keystone) -> dict[str, str]:
    return {"X-Auth-Token": keystone.token("hosted", "hosted", "member")}


def hrefs(answer: Answer) -> list[str]:
    return [version["links"][0]["href"] for version in answer.json()["versions"]]


def rest_of(url: str, token: dict[str, str], context: ssl.SSLContext | None = None) -> str:
    """Return the link to the second page of a list."""
    for _ in range(2):
        assert ask(f"{url}/v1/jobs", "POST", JOB, token, context).status == 201
    link = ask(f"{url}/v1/jobs?limit=1", "GET", None, token, context).next_page
    assert link
    assert ask(link, "GET", None, token, context).status == 200
    return link


def last_access(host: Host) -> str:
    return [line for line in host.log.read_text().splitlines() if "freezer_api.access" in line][-1]


@pytest.mark.slow
def test_links_have_the_prefix_that_the_proxy_removes(
    place: Place, token: dict[str, str], started: Callable[[Host], Host]
) -> None:
    service = started(FreezerAPI(place))
    proxy = started(Nginx(place, stripped(service), "/backup"))
    assert hrefs(ask(f"{proxy.url}/")) == [f"{proxy.url}/v2/", f"{proxy.url}/v1/"]
    assert rest_of(proxy.url, token).startswith(f"{proxy.url}/v1/jobs?limit=1&marker=")
    refused = ask(f"{proxy.url}/v1/jobs")
    assert (refused.status, refused.headers["www-authenticate"][:9]) == (401, "Keystone ")
    assert ask(f"{proxy.url}/v1/backups", "POST", b" " * (LIMIT + 1), token).refusal()[0] == 413
    assert ask(f"{proxy.url}/v1/jobs", "GET", {"match": [{"client_id": "none"}]}, token).json() == {"jobs": []}
    assert "127.0.0.1 GET /backup/v1/jobs 200" in last_access(service)
    # The proxy sends the address of the client, and removes headers with an address that the client sends.
    ask(
        f"{proxy.url}/v1/jobs", "GET", None, token | {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    )
    assert " 127.0.0.1 GET /backup/v1/jobs 200" in last_access(service)
    # With this option, the headers of clients that connect without the proxy are trusted, too.
    ask(f"{service.url}/v1/jobs", "GET", None, token | {"X-Forwarded-For": "192.0.2.7, 127.0.0.1"})
    assert " 192.0.2.7 GET /v1/jobs 200" in last_access(service)


@pytest.mark.slow
def test_headers_of_an_untrusted_proxy_are_ignored(
    place: Place, keystone: Keystone, token: dict[str, str], started: Callable[[Host], Host]
) -> None:
    place.configure((ETC / "freezer-paste.ini").read_text(), keystone.section())
    service = started(FreezerAPI(place))
    proxy = started(Nginx(place, stripped(service), "/backup"))
    # The proxy sends the address of the service as Host.
    assert hrefs(ask(f"{proxy.url}/")) == ["http://127.0.0.1/v2/", "http://127.0.0.1/v1/"]
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil", "X-Forwarded-For": "192.0.2.7"}
    answer = ask(f"{service.url}/", headers=forged | {"X-Forwarded-Prefix": "/evil", "Forwarded": "host=evil"})
    assert hrefs(answer) == [f"{service.url}/v2/", f"{service.url}/v1/"]
    ask(f"{service.url}/v1/jobs", "GET", None, token | forged)
    assert " 127.0.0.1 GET /v1/jobs 200" in last_access(service)


@pytest.mark.slow
def test_links_have_the_prefix_that_the_proxy_keeps(
    place: Place, keystone: Keystone, token: dict[str, str], started: Callable[[Host], Host]
) -> None:
    paste = (ETC / "freezer-paste.ini").read_text().replace("\n/ = api\n", PREFIXED)
    place.configure(paste, keystone.section() + TRUSTED)
    service = started(FreezerAPI(place))
    proxy = started(
        Nginx(place, f"location /backup {{ proxy_pass http://127.0.0.1:{service.port}; {DIRECTIVES} }}", "/backup")
    )
    for path in ("", "/"):
        assert hrefs(ask(proxy.url + path)) == [f"{proxy.url}/v2/", f"{proxy.url}/v1/"]
    assert rest_of(proxy.url, token).startswith(f"{proxy.url}/v1/jobs?limit=1&marker=")


@pytest.mark.slow
def test_links_have_the_scheme_of_the_proxy(
    place: Place, token: dict[str, str], started: Callable[[Host], Host], tmp_path: Path
) -> None:
    make_certificates(tmp_path)
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    service = started(FreezerAPI(place))
    tls = f"ssl_certificate {tmp_path}/server.pem; ssl_certificate_key {tmp_path}/server.key;"
    proxy = started(Secure(place, stripped(service), context, tls))
    assert hrefs(ask(f"{proxy.url}/", context=context)) == [f"{proxy.url}/v2/", f"{proxy.url}/v1/"]
    assert rest_of(proxy.url, token, context).startswith(f"https://127.0.0.1:{proxy.port}/backup/v1/jobs?")


@pytest.mark.slow
@pytest.mark.parametrize("size", [1000, 4000, 6000])
def test_long_search_passes_the_documented_proxy(
    place: Place, token: dict[str, str], started: Callable[[Host], Host], size: int
) -> None:
    service = started(FreezerAPI(place))
    proxy = started(Nginx(place, stripped(service), "/backup"))
    for _ in range(2):
        assert ask(f"{proxy.url}/v1/jobs", "POST", JOB, token).status == 201
    search = quote(json.dumps({"match_not": [{"description": "x" * size}]}), safe="")
    first = ask(f"{proxy.url}/v1/jobs?limit=1&search={search}", "GET", None, token)
    assert first.status == 200
    link = first.next_page
    assert link
    assert ("search=" in link) == (size == 1000)
    again = link if size == 1000 else f"{link}&search={search}"
    second = ask(again, "GET", None, token)
    assert [len(answer.json()["jobs"]) for answer in (first, second)] == [1, 1]
    assert first.body != second.body


class Secure(Nginx):
    def __init__(self, place: Place, location: str, context: ssl.SSLContext, tls: str) -> None:
        super().__init__(place, location, "/backup", tls)
        self._context = context

    def answers(self) -> bool:
        try:
            return ask(f"{self.url}/healthcheck", context=self._context).body == b"OK"
        except OSError:
            return False


@pytest.mark.slow
def test_proxy_itself_refuses_a_body_above_its_limit(
    place: Place, token: dict[str, str], started: Callable[[Host], Host]
) -> None:
    service = started(FreezerAPI(place))
    default = stripped(service, DIRECTIVES.replace("client_max_body_size 0;", ""))
    proxy = started(Nginx(place, default, "/backup"))
    answer = ask(f"{proxy.url}/v1/backups", "POST", b" " * (LIMIT + 1), token)
    assert (answer.status, b"<html>" in answer.body) == (413, True)
