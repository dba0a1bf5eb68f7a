# SPDX-License-Identifier: Apache-2.0
"""Polls of schedulers, and a check of their results.

A scheduler forgets every local job that a poll does not return. So each poll has to return exactly once every job
that existed from before its first page until after its last page.
"""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection

from tests.support.http_client import send

PAGE = 10
SEARCH = {"match_not": [{"status": "completed"}], "match": [{"client_id": "node1"}]}


@dataclass
class Life:
    """The time in which polls must return a job: from the response to its creation to the request that ends it."""

    since: float
    until: float = float("inf")


@dataclass
class Ledger:
    """The lifetimes of all jobs, by id."""

    lives: dict[str, Life] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def created(self, job_id: str) -> None:
        with self._lock:
            self.lives[job_id] = Life(time.monotonic())

    def take(self, choice: int) -> str | None:
        """Return a matching job and reserve it for the caller, who may complete or delete it."""
        with self._lock:
            living = [job_id for job_id, life in self.lives.items() if life.until == float("inf")]
            if len(living) <= PAGE:
                return None
            job_id = living[choice % len(living)]
            self.lives[job_id].until = time.monotonic()
            return job_id


@dataclass(frozen=True)
class Poll:
    """The ids that one poll returned, in the order of its pages."""

    begun: float
    ended: float
    seen: list[str]

    def faults(self, lives: dict[str, Life]) -> Iterator[str]:
        """Return descriptions of jobs that a poll missed or repeated."""
        count = Counter(self.seen)
        for job_id, times in count.items():
            if times > 1:
                yield f"{job_id} came {times} times"
        for job_id, life in lives.items():
            if life.since < self.begun and life.until > self.ended and not count[job_id]:
                yield f"{job_id} was missed"


def by_offset(connection: HTTPConnection, jobs: str, token: str) -> Poll:
    """Request pages until one is not full, as schedulers do."""
    begun, seen = time.monotonic(), []
    for offset in itertools.count(0, PAGE):
        answer = send(connection, "GET", f"{jobs}/?limit={PAGE}&offset={offset}", SEARCH, {"X-Auth-Token": token})
        assert answer.status == 200, answer
        page = [job["job_id"] for job in answer.json()["jobs"]]
        seen += page
        if len(page) < PAGE:
            break
    return Poll(begun, time.monotonic(), seen)


def by_marker(connection: HTTPConnection, jobs: str, token: str) -> Poll:
    """Follow the links to the next pages."""
    begun, seen = time.monotonic(), []
    path: str | None = f"{jobs}/?limit={PAGE}"
    while path:
        answer = send(connection, "GET", path, SEARCH, {"X-Auth-Token": token})
        assert answer.status == 200, answer
        seen += [job["job_id"] for job in answer.json()["jobs"]]
        path = answer.next_page and "/" + answer.next_page.split("/", 3)[3]
    return Poll(begun, time.monotonic(), seen)
