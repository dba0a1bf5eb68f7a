"""Behind a reverse proxy: what clients see of it in links, and operators of clients in the log."""

import json
import re
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.hosting.asking import JOB, LIMIT, Answer, ask
from tests.hosting.certificates import make_certificates
from tests.hosting.hosts import ETC, FreezerAPI, Host, Nginx, Place
from tests.support.keystone import Keystone

PAGE = Path(__file__).parents[2] / "doc/source/install/servers.rst"

_BLOCK = re.search(r"location /backup/ \{(.*?)\}", PAGE.read_text(), re.DOTALL)
assert _BLOCK
TOLD = "".join(line for line in _BLOCK[1].splitlines() if "proxy_pass" not in line and "Prefix" not in line)
"""The directives of the documented block, without the prefix."""


def test_links_are_those_of_the_proxy(started: Callable[[Host], Host]) -> None:
    """Without Keystone, which the list of versions does not need."""
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


def stripped(service: Host, told: str = TOLD) -> str:
    """The location of a proxy that takes its prefix away, and says so."""
    return (
        f"location /backup/ {{ proxy_pass http://127.0.0.1:{service.port}/; "
        f"proxy_set_header X-Forwarded-Prefix /backup; {told} }}"
    )


PREFIXED = "\n/backup/healthcheck = healthcheck\n/backup = api\n"
OPEN = (
    "[filter:proxy]\npaste.filter_factory = oslo_middleware:HTTPProxyToWSGI.factory\n"
    "[app:app]\npaste.app_factory = freezer_api.service:freezer_app_factory\n"
)
TRUSTED = "[oslo_middleware]\nenable_proxy_headers_parsing = true"


@pytest.fixture
def place(keystone: Keystone) -> Iterator[Place]:
    """With the paste file that we ship, as without Keystone no proxy is answered."""
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
    """Where a list goes on that has more."""
    for _ in range(2):
        assert ask(f"{url}/v1/jobs", "POST", JOB, token, context).status == 201
    link = re.match(
        r'<([^>]+)>; rel="next"', ask(f"{url}/v1/jobs?limit=1", "GET", None, token, context).headers["link"]
    )
    assert link
    assert ask(link[1], "GET", None, token, context).status == 200
    return link[1]


def last_access(host: Host) -> str:
    return [line for line in host.log.read_text().splitlines() if "freezer_api.access" in line][-1]


@pytest.mark.slow
def test_a_prefix_that_the_proxy_takes_away(
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
    # The proxy tells the address of the client, and takes away what clients say of it.
    ask(
        f"{proxy.url}/v1/jobs", "GET", None, token | {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    )
    assert " 127.0.0.1 GET /backup/v1/jobs 200" in last_access(service)
    # Who reaches the service past the proxy is believed: this is what the option means.
    ask(f"{service.url}/v1/jobs", "GET", None, token | {"X-Forwarded-For": "192.0.2.7, 127.0.0.1"})
    assert " 192.0.2.7 GET /v1/jobs 200" in last_access(service)


@pytest.mark.slow
def test_a_proxy_that_is_not_trusted(
    place: Place, keystone: Keystone, token: dict[str, str], started: Callable[[Host], Host]
) -> None:
    place.configure((ETC / "freezer-paste.ini").read_text(), keystone.section())
    service = started(FreezerAPI(place))
    proxy = started(Nginx(place, stripped(service), "/backup"))
    # As the request came from the proxy.
    assert hrefs(ask(f"{proxy.url}/")) == ["http://127.0.0.1/v2/", "http://127.0.0.1/v1/"]
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil", "X-Forwarded-For": "192.0.2.7"}
    answer = ask(f"{service.url}/", headers=forged | {"X-Forwarded-Prefix": "/evil", "Forwarded": "host=evil"})
    assert hrefs(answer) == [f"{service.url}/v2/", f"{service.url}/v1/"]
    ask(f"{service.url}/v1/jobs", "GET", None, token | forged)
    assert " 127.0.0.1 GET /v1/jobs 200" in last_access(service)


@pytest.mark.slow
def test_a_prefix_that_the_proxy_keeps(
    place: Place, keystone: Keystone, token: dict[str, str], started: Callable[[Host], Host]
) -> None:
    paste = (ETC / "freezer-paste.ini").read_text().replace("\n/ = api\n", PREFIXED)
    place.configure(paste, keystone.section() + TRUSTED)
    service = started(FreezerAPI(place))
    proxy = started(
        Nginx(place, f"location /backup {{ proxy_pass http://127.0.0.1:{service.port}; {TOLD} }}", "/backup")
    )
    for path in ("", "/"):
        assert hrefs(ask(proxy.url + path)) == [f"{proxy.url}/v2/", f"{proxy.url}/v1/"]
    assert rest_of(proxy.url, token).startswith(f"{proxy.url}/v1/jobs?limit=1&marker=")


@pytest.mark.slow
def test_tls_that_ends_at_the_proxy(
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
    link = re.match(r'<([^>]+)>; rel="next"', first.headers["link"])
    assert link
    assert ("search=" in link[1]) == (size == 1000)
    again = link[1] if size == 1000 else f"{link[1]}&search={search}"
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
def test_what_the_proxy_itself_says_to_a_body_that_is_too_large(
    place: Place, token: dict[str, str], started: Callable[[Host], Host]
) -> None:
    service = started(FreezerAPI(place))
    default = stripped(service, TOLD.replace("client_max_body_size 0;", ""))
    proxy = started(Nginx(place, default, "/backup"))
    answer = ask(f"{proxy.url}/v1/backups", "POST", b" " * (LIMIT + 1), token)
    assert (answer.status, b"<html>" in answer.body) == (413, True)
