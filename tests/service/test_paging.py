# SPDX-License-Identifier: Apache-2.0
"""Polls in pages while several processes change the jobs.

A job that matches throughout is neither missed nor repeated while other clients create, change, complete and
delete jobs. With pages by offset this holds as long as one process answers, or with memcached. ``make soak`` runs
this longer.
"""

import os
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.service import polls
from tests.service.polls import Ledger, Life, Poll
from tests.support.http_client import connect, send
from tests.support.service import Service

SECONDS = float(os.environ.get("SOAK_SECONDS", "3"))
INITIAL_JOBS = 45
MAX_JOBS = 150
JOB = {
    "client_id": "node1",
    "job_actions": [],
    "job_schedule": {"schedule_interval": "1 days", "status": "scheduled"},
}

ReadPages = Callable[[HTTPConnection, str, str], Poll]
Act = Callable[[HTTPConnection, str, Ledger, random.Random], None]


@pytest.fixture
def served(start_service: Callable[..., Service], store: Path | None) -> Service:
    return start_service("paging", "--workers", "3", config=store)


def _create(connection: HTTPConnection, jobs: str, ledger: Ledger, _random: random.Random) -> None:
    if sum(life.until == float("inf") for life in list(ledger.lives.values())) < MAX_JOBS:
        answer = send(connection, "POST", jobs, JOB)
        assert answer.status == 201, answer
        ledger.created(answer.json()["job_id"])


def _patch(connection: HTTPConnection, jobs: str, ledger: Ledger, chance: random.Random) -> None:
    job_id = chance.choice(list(ledger.lives))
    schedule = {"status": chance.choice(["running", "scheduled", "stop"]), "current_pid": chance.randrange(10_000)}
    answer = send(connection, "PATCH", f"{jobs}/{job_id}", {"job_schedule": schedule})
    assert answer.status in (200, 404), answer


def _complete(connection: HTTPConnection, jobs: str, ledger: Ledger, chance: random.Random) -> None:
    job_id = ledger.take(chance.randrange(1_000_000))
    if job_id is not None:
        answer = send(connection, "PATCH", f"{jobs}/{job_id}", {"job_schedule": {"status": "completed"}})
        assert answer.status == 200, answer


def _delete(connection: HTTPConnection, jobs: str, ledger: Ledger, chance: random.Random) -> None:
    job_id = ledger.take(chance.randrange(1_000_000))
    if job_id is not None:
        assert send(connection, "DELETE", f"{jobs}/{job_id}").status == 204


def _replace(connection: HTTPConnection, jobs: str, ledger: Ledger, chance: random.Random) -> None:
    """Replace a job, which keeps its position in lists."""
    job = {**JOB, "description": str(chance.random())}
    assert send(connection, "POST", f"{jobs}/{chance.choice(list(ledger.lives))}", job).status == 201


def _soak(url: str, jobs: str, poll: ReadPages, others: list[Act]) -> Iterator[str]:
    """Run two schedulers while other clients change jobs. Return the faults of their polls."""
    ledger, over = Ledger(), threading.Event()
    connection = connect(url)
    for _ in range(INITIAL_JOBS):
        _create(connection, jobs, ledger, random.Random(0))
    connection.close()

    def disturb(number: int) -> None:
        own, chance = connect(url), random.Random(number)
        while not over.is_set():
            others[number % len(others)](own, jobs, ledger, chance)
        own.close()

    def watch(number: int) -> list[Poll]:
        # Each scheduler has its own token.
        own, made, token = connect(url), [], f"demo:demo:admin,r{number}"
        while not over.is_set():
            made.append(poll(own, jobs, token))
        own.close()
        return made

    with ThreadPoolExecutor(2 + 2 * len(others)) as threads:
        watching = [threads.submit(watch, number) for number in range(2)]
        disturbing = [threads.submit(disturb, number) for number in range(2 * len(others))]
        over.wait(SECONDS)
        over.set()
        for future in disturbing:
            future.result()
        made = [poll for future in watching for poll in future.result()]
    assert len(made) >= SECONDS, "too few polls"
    for number, one in enumerate(made):
        yield from (f"poll {number} of {len(made)}: {fault}" for fault in one.faults(ledger.lives))


@pytest.mark.soak
@pytest.mark.parametrize("jobs", ["/v1/jobs", "/v2/demo/jobs"])
class TestPolls:
    @pytest.fixture(autouse=True)
    def client(self, served: Service) -> None:
        assert served.request("POST", "/v2/demo/clients", {"client_id": "node1"})[0] == 201

    def test_pages_by_offset_are_complete_during_replacements(self, served: Service, jobs: str) -> None:
        assert list(_soak(served.url, jobs, polls.by_offset, [_create, _patch, _replace])) == []

    @pytest.mark.parametrize("poll", [polls.by_offset, polls.by_marker])
    def test_pages_are_complete_while_jobs_leave_the_list(
        self, served: Service, jobs: str, poll: ReadPages
    ) -> None:
        assert list(_soak(served.url, jobs, poll, [_create, _patch, _complete, _delete])) == []


@pytest.mark.parametrize(
    ("seen", "faults"),
    [
        (["a", "b", "c"], []),
        (["a", "c", "late", "gone"], ["b was missed"]),
        (["a", "b", "c", "a"], ["a came 2 times"]),
        (["b", "c", "c"], ["c came 2 times", "a was missed"]),
    ],
)
def test_missed_and_repeated_jobs_of_a_poll_are_detected(seen: list[str], faults: list[str]) -> None:
    lives = {job_id: Life(1.0) for job_id in "abc"} | {"late": Life(5.5), "gone": Life(1.0, until=5.5)}
    assert list(Poll(5.0, 6.0, seen).faults(lives)) == faults
