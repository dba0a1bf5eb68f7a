"""Polls as schedulers make them, and whether they saw what they should.

A scheduler drops every local job that a poll does not show. So of each poll it is asked: did it show every job
that was there from before its first page to after its last one, once?
"""

import http.client
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

PAGE = 10
SEARCH = {"match_not": [{"status": "completed"}], "match": [{"client_id": "node1"}]}


class Connection:
    """A connection that is kept alive."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any, str | None]:
        """Status, JSON body and the address of the next page."""
        self._http.request(method, path, None if body is None else json.dumps(body))
        answer = self._http.getresponse()
        text = answer.read()
        link = answer.getheader("Link")
        return answer.status, json.loads(text) if text else None, link and link[1 : link.index(">")]

    def close(self) -> None:
        self._http.close()


@dataclass
class Life:
    """When a job matched for certain: from the answer to its creation until somebody set out to end it."""

    since: float
    until: float = float("inf")


@dataclass
class Ledger:
    """The lives of all jobs, by id."""

    lives: dict[str, Life] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def created(self, job_id: str) -> None:
        with self._lock:
            self.lives[job_id] = Life(time.monotonic())

    def take(self, choice: int) -> str | None:
        """A job that lives, which is about to be ended by the caller and nobody else."""
        with self._lock:
            living = [job_id for job_id, life in self.lives.items() if life.until == float("inf")]
            if len(living) <= PAGE:
                return None
            job_id = living[choice % len(living)]
            self.lives[job_id].until = time.monotonic()
            return job_id


@dataclass(frozen=True)
class Poll:
    """What one poll saw, in the order of its pages."""

    begun: float
    ended: float
    seen: list[str]

    def faults(self, lives: dict[str, Life]) -> Iterator[str]:
        """What is wrong with it."""
        count = Counter(self.seen)
        for job_id, times in count.items():
            if times > 1:
                yield f"{job_id} came {times} times"
        for job_id, life in lives.items():
            if life.since < self.begun and life.until > self.ended and not count[job_id]:
                yield f"{job_id} was missed"


def by_offset(connection: Connection, jobs: str) -> Poll:
    """Page by page until one is not full, as schedulers do."""
    begun, seen = time.monotonic(), []
    for offset in itertools.count(0, PAGE):
        status, body, _ = connection.ask("GET", f"{jobs}/?limit={PAGE}&offset={offset}", SEARCH)
        assert status == 200, body
        seen += [job["job_id"] for job in body["jobs"]]
        if len(body["jobs"]) < PAGE:
            break
    return Poll(begun, time.monotonic(), seen)


def by_marker(connection: Connection, jobs: str) -> Poll:
    """From link to link."""
    begun, seen = time.monotonic(), []
    path: str | None = f"{jobs}/?limit={PAGE}"
    while path:
        status, body, link = connection.ask("GET", path, SEARCH)
        assert status == 200, body
        seen += [job["job_id"] for job in body["jobs"]]
        path = link and "/" + link.split("/", 3)[3]
    return Poll(begun, time.monotonic(), seen)
