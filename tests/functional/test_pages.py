# SPDX-License-Identifier: Apache-2.0
"""Pages of long lists, and large searches."""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any
from urllib.parse import quote

import pytest
from oslo_config import cfg

from tests.functional.client import Answer, Client


@pytest.fixture
def ids(client: Client) -> list[str]:
    """The ids of 25 clients, in the order of their creation."""
    ids = [f"node{number * 7 % 25}" for number in range(25)]
    for id_ in ids:
        assert client("POST", "clients/", {"client_id": id_, "rack": f"r{id_[-1]}"}).status == 201
    return ids


def _ids(answer: Answer) -> list[str]:
    assert answer.status == 200
    return [item["client"]["client_id"] for item in answer.json["clients"]]


def _next(answer: Answer) -> str | None:
    link = answer.headers.get("link")
    if link is None:
        return None
    match = re.fullmatch(r'<http://backup\.localhost:9090(/.*)>; rel="next"', link)
    assert match
    return match[1]


def _pages(client: Client, path: str, *body: Any) -> Iterator[list[str]]:
    url: str | None = path
    while url is not None:
        answer = client("GET", url, *body)
        yield _ids(answer)
        url = _next(answer)


def _joined(pages: Iterable[list[str]]) -> list[str]:
    return list(chain.from_iterable(pages))


@pytest.mark.parametrize("limit", [1, 4, 5, 24, 25, 26])
def test_pages_together_are_the_whole_list(client: Client, ids: list[str], limit: int) -> None:
    by_link = list(_pages(client, f"clients?limit={limit}"))
    by_offset = [_ids(client("GET", f"clients?limit={limit}&offset={n}")) for n in range(0, len(ids), limit)]
    assert by_link == by_offset
    assert _joined(by_link) == ids
    assert all(len(page) == limit for page in by_link[:-1])


def test_link_repeats_all_other_parameters(client: Client, ids: list[str]) -> None:
    search = quote('{"match": [{"rack": "r1"}]}')
    pages = list(_pages(client, f"clients?search={search}&limit=2&offset=0&with_count=true&x=a&x=%26"))
    assert _joined(pages) == [id_ for id_ in ids if id_.endswith("1")]
    answer = client("GET", f"clients?search={search}&limit=2&x=a&x=%26")
    assert "&x=a&x=%26&" in answer.headers["link"]


@pytest.mark.parametrize("name", ["search", "sear%63h"])
def test_link_above_2_kib_omits_search(client: Client, ids: list[str], name: str) -> None:
    search = quote(json.dumps({"match": [{"rack": "r1"}], "match_not": [{"rack": "x" * 1900}]}))
    first = client("GET", f"clients?limit=2&with_count=true&{name}={search}")
    follow = _next(first)
    assert follow is not None
    assert re.fullmatch(r"[^?]*\?limit=2&with_count=true&marker=[^&]*", follow)
    second = client("GET", f"{follow}&search={search}")
    assert [*_ids(first), *_ids(second)] == [id_ for id_ in ids if id_.endswith("1")]


def test_link_above_2_kib_omits_unknown_parameters_first(client: Client, ids: list[str]) -> None:
    search = quote('{"match": [{"rack": "r1"}]}')
    follow = _next(client("GET", f"clients?limit=2&x={'{' * 1000}&search={search}"))
    assert follow is not None
    assert "&x=" not in follow
    assert _ids(client("GET", follow)) == [id_ for id_ in ids if id_.endswith("1")][2:]


def test_link_does_not_contain_a_search_in_a_body(client: Client, ids: list[str]) -> None:
    pages = list(_pages(client, "clients?limit=1", {"match": [{"rack": "r3"}]}))
    assert _joined(pages) == [id_ for id_ in ids if id_.endswith("3")]


def test_exact_matches_precede_others_across_pages(client: Client, ids: list[str]) -> None:
    """Exact matches are first, then the others, each in the order of creation."""
    for id_, text in (("x1", "about r3"), ("x2", "r3"), ("x3", "not r3")):
        client("POST", "clients", {"client_id": id_, "description": text})
    exact = [*(id_ for id_ in ids if id_.endswith("3")), "x2"]
    assert _joined(_pages(client, "clients?limit=2", {"match": [{"_all": "r3"}]})) == [*exact, "x1", "x3"]


def test_list_continues_after_the_marker_of_a_deleted_document(client: Client, ids: list[str]) -> None:
    first = client("GET", "clients?limit=5")
    client("DELETE", f"clients/{ids[4]}")
    client("DELETE", f"clients/{ids[5]}")
    after = _next(first)
    assert after is not None
    assert _ids(client("GET", after)) == ids[6:11]


def test_documents_created_during_paging_are_listed_last(client: Client, ids: list[str]) -> None:
    first = client("GET", "clients?limit=20")
    client("POST", "clients", {"client_id": "late"})
    client("PATCH", f"clients/{ids[0]}", {"description": "changed"})
    assert _ids(client("GET", _next(first) or "")) == [*ids[20:], "late"]
    assert _ids(client("GET", "clients?limit=1")) == ids[:1]


def test_offset_beyond_the_end_is_an_empty_page_fault_28(client: Client, ids: list[str]) -> None:
    assert _ids(client("GET", "clients?offset=24")) == ids[24:]
    assert _ids(client("GET", "clients?offset=10001&limit=500")) == []
    assert _ids(client("GET", f"clients?offset={2**63 - 1}")) == []


def test_limit_above_maximum_is_lowered(client: Client, ids: list[str]) -> None:
    assert _ids(client("GET", "clients?limit=1001")) == ids


class TestLargestLimit:
    @pytest.fixture(autouse=True)
    def three(self, conf: cfg.ConfigOpts) -> None:
        conf.set_override("max_limit", 3, group="api")

    def test_configured_max_limit_is_default_and_maximum(self, client: Client, ids: list[str]) -> None:
        for limit in ("", "?limit=3", "?limit=4", "?limit=500"):
            answer = client("GET", f"clients{limit}")
            assert _ids(answer) == ids[:3]
            assert _next(answer) is not None
        assert _joined(_pages(client, "clients?limit=500")) == ids


@pytest.mark.parametrize("part", ["match", "match_not"])
def test_search_with_more_than_100_pairs_is_400(client: Client, part: str) -> None:
    pair = {"a": 1}
    refused = "A search may have at most 100 pairs in 'match' and 'match_not'"
    assert client("GET", "clients", {part: [pair] * 100}).status == 200
    assert client("GET", "clients", {part: [{str(n): n for n in range(100)}]}).status == 200
    assert client("GET", "clients", {part: [pair] * 101}).json["description"] == refused
    assert client("GET", "clients", {part: [{str(n): n for n in range(101)}]}).json["description"] == refused
    assert client("GET", "clients", {"match": [pair] * 50, "match_not": [pair] * 51}).status == 400
    nested = json.dumps([pair] * 100)
    assert client("GET", "clients", {part: [{"_all": nested}]}).json.get("description") == refused


def test_search_with_more_than_500_words_is_400(client: Client) -> None:
    refused = "A search may have at most 500 words"
    words = [f"w{number}" for number in range(501)]
    assert client("GET", "clients", {"match": [{"_all": " ".join(words[:500] * 2)}]}).status == 200
    assert client("GET", "clients", {"match": [{"_all": " ".join(words)}]}).json["description"] == refused
    halves = [{"_all": " ".join(words[:250])}, {"description": " ".join(words[250:])}]
    assert client("GET", "clients", {"match": halves}).json["description"] == refused


def test_long_value_is_found_by_words_only(client: Client) -> None:
    for length in (1024, 1025):
        client("POST", "clients", {"client_id": f"n{length}", "note": "x" * (length - 5) + " word"})
    found = client("GET", "clients", {"match": [{"note": "x" * 1019 + " word"}]})
    assert _ids(found) == ["n1024"]
    assert _ids(client("GET", "clients", {"match": [{"note": "x" * 1020 + " word"}]})) == []
    assert _ids(client("GET", "clients", {"match": [{"_all": "word"}]})) == ["n1024", "n1025"]
    assert _ids(client("GET", "clients", {"match": [{"_all": "x" * 1020}]})) == ["n1025"]


def test_search_of_many_words_is_accepted_fault_26(client: Client) -> None:
    words = [f"word{number}" for number in range(200)]
    client("POST", "clients", {"client_id": "a", "description": " ".join(words)})
    client("POST", "clients", {"client_id": "b", "description": " ".join(words[:-1])})
    assert _ids(client("GET", "clients", {"match": [{"_all": " ".join(words)}]})) == ["a"]
    assert _ids(client("GET", "clients", {"match": [{"description": " ".join(reversed(words))}]})) == ["a"]


def test_search_of_many_words_includes_separate_fields(client: Client) -> None:
    """Each word is searched in the text and in ``ASIDE`` fields."""
    words = [str(number) for number in range(250)]
    backup = {"container": "c", "hostname": "h", "backup_name": " ".join(words)}
    assert client("POST", "backups", backup).status == 201
    assert client("POST", "backups", {**backup, "backup_name": " ".join(words[:-1])}).status == 201
    search = {"match": [{"_all": " ".join(words)}]}
    assert client("GET", "backups?with_count=1", search).json["count"] == 1


def test_deleted_job_leaves_all_sessions(client: Client) -> None:
    assert client("POST", "clients", {"client_id": "node1"}).status == 201
    assert client("POST", "jobs/j1", {"client_id": "node1", "job_actions": []}).status == 201
    for number in range(101):
        client("POST", f"sessions/s{number}", {"session_tag": 0, "schedule": {}, "jobs": {"j1": {}}})
    assert client("DELETE", "jobs/j1").status == 204
    sessions = client("GET", "sessions?limit=200").json["sessions"]
    assert [session["jobs"] for session in sessions] == [{}] * 101


@pytest.mark.parametrize(
    "raw", ['{"match":[{"rack":"<>"}]}', '{"match_not":[{"rack":"a> b; rel=next, <x"}]}', "%22%3E"]
)
def test_link_is_escaped(client: Client, ids: list[str], raw: str) -> None:
    name = "search" if raw.startswith("{") else "x"
    answer = client("GET", f"clients?limit=1&{name}={raw.replace(' ', '+')}")
    assert answer.status == 200
    assert not answer.json["clients"] or re.fullmatch(r'<[^<>"{} ]+>; rel="next"', answer.headers["link"])
    assert "match_not" not in raw or len(answer.json["clients"]) == 1


class TestBytes:
    @pytest.fixture
    def small(self, conf: cfg.ConfigOpts) -> None:
        conf.set_override("max_page_bytes", 4000, group="api")

    @pytest.mark.parametrize(("length", "documents"), [(1000, 10), (10, 25), (150, 14)])
    @pytest.mark.usefixtures("small")
    def test_page_ends_early_only_after_ten_documents(
        self, client: Client, ids: list[str], length: int, documents: int
    ) -> None:
        for id_ in ids:
            client("PATCH", f"clients/{id_}", {"description": "x" * length})
        first = client("GET", "clients?limit=500&with_count=1")
        assert first.json["count"] == len(ids)
        assert abs(len(_ids(first)) - documents) <= 2
        assert _joined(_pages(client, "clients?limit=500")) == ids
        assert _ids(client("GET", "clients?limit=10")) == ids[:10]
        assert _ids(client("GET", "clients?limit=10&offset=20")) == ids[20:]
