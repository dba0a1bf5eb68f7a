# SPDX-License-Identifier: Apache-2.0
"""Under every server, the lists of one project use at most half of the threads of a worker."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from tests.hosting import hosts
from tests.hosting.hosts import Host, Place
from tests.support.http_client import ask

CLIENTS = 400
SEARCH = quote(json.dumps({"match": [{f"unknown{number}": None} for number in range(100)]}), safe="")
POLL = {"match": [{"client_id": "node1"}], "match_not": [{"status": "completed"}]}
EIGHT_THREADS: dict[str, Callable[[Place], Host]] = {
    "uwsgi": lambda place: hosts.UWSGI(place, {"processes = 2": "processes = 1", "threads = 2": "threads = 8"}),
    "mod-wsgi": hosts.ModWSGI,
    "freezer-api": hosts.FreezerAPI,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EIGHT_THREADS)
def test_lists_beyond_the_share_are_429_and_polls_are_not(started: Callable[[Host], Host], name: str) -> None:
    place = Place()
    try:
        host = started(EIGHT_THREADS[name](place))
        for number in range(CLIENTS):
            assert ask(f"{host.url}/v1/clients", "POST", {"client_id": f"n{number}"}).status == 201
        deadline = time.monotonic() + 120
        refused = 0
        with ThreadPoolExecutor(40) as pool:
            while not refused and time.monotonic() < deadline:
                lists = [
                    pool.submit(ask, f"{host.url}/v1/clients?with_count=true&search={SEARCH}") for _ in range(40)
                ]
                polls = [pool.submit(ask, f"{host.url}/v1/jobs", "GET", POLL) for _ in range(10)]
                assert {poll.result().status for poll in polls} == {200}
                answers = [one.result() for one in lists]
                assert {answer.status for answer in answers} <= {200, 429}
                refused = sum(answer.status == 429 for answer in answers)
        assert refused
        assert all(answer.headers["retry-after"] == "5" for answer in answers if answer.status == 429)
        assert host.logged().count("max_concurrent_lists") in range(1, 5)
        # All waiting lists have ended.
        for _ in range(20):
            assert ask(f"{host.url}/v1/clients").status == 200
    finally:
        place.remove()
