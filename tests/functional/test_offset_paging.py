# SPDX-License-Identifier: Apache-2.0
"""Pages by offset of lists that change meanwhile."""

from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api import app
from freezer_api.keystone import options
from freezer_api.repository.protocol import Repository
from tests.functional.client import Answer, Client
from tests.functional.conftest import Identity
from tests.functional.versions import Version
from tests.support.service import OPEN_PASTE

POLL = {"match_not": [{"status": "completed"}]}


@pytest.fixture
def ids(client: Client) -> list[str]:
    """The ids of 30 jobs, in the order of their creation."""
    assert client("POST", "clients", {"client_id": "node1"}).status == 201
    ids = [f"j{number * 7 % 30}" for number in range(30)]
    for id_ in ids:
        assert client("POST", f"jobs/{id_}", {"client_id": "node1", "job_actions": []}).status == 201
    return ids


def page(client: Client, offset: int, *, by: str = "alice", limit: int = 10) -> list[str]:
    return _ids(client("GET", f"jobs?limit={limit}&offset={offset}", POLL, by=by))


def _ids(answer: Answer) -> list[str]:
    assert answer.status == 200
    return [job["job_id"] for job in answer.json["jobs"]]


def complete(client: Client, *ids: str) -> None:
    for id_ in ids:
        answer = client("PATCH", f"jobs/{id_}", {"job_schedule": {"status": "completed"}})
        assert answer.status == 200


def test_no_job_is_missed_while_others_complete(client: Client, ids: list[str]) -> None:
    assert page(client, 0) == ids[:10]
    complete(client, ids[0], ids[4], ids[9])
    assert client("DELETE", f"jobs/{ids[5]}").status == 204
    assert page(client, 10) == ids[10:20]
    complete(client, *ids[10:20])
    assert page(client, 20) == ids[20:]


def test_repeated_request_returns_the_same_page(client: Client, ids: list[str]) -> None:
    page(client, 0)
    complete(client, ids[0])
    assert page(client, 10) == page(client, 10) == ids[10:20]


def test_new_round_begins_at_the_first_job(client: Client, ids: list[str]) -> None:
    for offset in (0, 10, 20):
        page(client, offset)
    complete(client, *ids[:5])
    assert page(client, 0) == ids[5:15]
    assert page(client, 10) == ids[15:25]
    assert page(client, 20) == ids[25:]


def test_list_that_ends_with_a_full_page_has_no_further_page(client: Client, ids: list[str]) -> None:
    for offset in (0, 10, 20):
        page(client, offset)
    complete(client, *ids[:10])
    assert page(client, 0) == ids[10:20]
    assert page(client, 10) == ids[20:]
    assert page(client, 20) == []


def test_other_lists_do_not_share_positions(client: Client, ids: list[str]) -> None:
    """Another page size or another search is another list."""
    page(client, 0)
    complete(client, ids[0])
    assert page(client, 5, limit=5) == ids[6:11]
    assert _ids(client("GET", "jobs?limit=10&offset=10")) == ids[10:20]
    assert page(client, 10) == ids[10:20]


def test_page_that_was_shortened_is_continued_at_its_end(
    client: Client,
    conf: cfg.ConfigOpts,
    repository: Repository,
    version: Version,
    identity: Identity,
    ids: list[str],
) -> None:
    conf.set_override("max_page_bytes", 1024, group="api")
    small = Client(app.build_standalone(conf, repository), version, identity)
    assert page(small, 0, limit=20) == ids[:10]
    complete(small, ids[0])
    assert page(small, 10, limit=20) == ids[10:20]


def test_invalid_address_of_memcached_is_a_warning(
    conf: cfg.ConfigOpts, repository: Repository, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paste = tmp_path / "paste.ini"
    paste.write_text(OPEN_PASTE)
    conf.set_override("config_file", str(paste), group="paste_deploy")
    options.register(conf)
    conf.set_override("memcached_servers", ["[::1]:11211"], group="keystone_authtoken")
    assert app.build(conf, repository).loopback_only
    assert "memcached_servers has an invalid address" in caplog.text


def test_count_does_not_depend_on_the_offset(client: Client, ids: list[str]) -> None:
    for offset in (0, 10, 20):
        assert client("GET", f"jobs?limit=10&offset={offset}&with_count=true").json["count"] == 30
