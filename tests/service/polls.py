"""Polls of schedulers, and a check of their results.

A scheduler drops every local job that a poll does not return. So each poll has to return every job that existed
from before its first page until after its last page, exactly once.
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
    """A kept connection."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any, str | None]:
        """Return status, JSON body and the link to the next page."""
        self._http.request(method, path, None if body is None else json.dumps(body))
        answer = self._http.getresponse()
        text = answer.read()
        link = answer.getheader("Link")
        return answer.status, json.loads(text) if text else None, link and link[1 : link.index(">")]

    def close(self) -> None:
        self._http.close()


@dataclass
class Life:
    """The time in which a job certainly matched: from the response to its creation to the request that ends it."""

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
        """Return a matching job, which only this caller may end."""
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
        """Return jobs that were missed or repeated."""
        count = Counter(self.seen)
        for job_id, times in count.items():
            if times > 1:
                yield f"{job_id} came {times} times"
        for job_id, life in lives.items():
            if life.since < self.begun and life.until > self.ended and not count[job_id]:
                yield f"{job_id} was missed"


def by_offset(connection: Connection, jobs: str) -> Poll:
    """Request pages until one is not full, as schedulers do."""
    begun, seen = time.monotonic(), []
    for offset in itertools.count(0, PAGE):
        status, body, _ = connection.ask("GET", f"{jobs}/?limit={PAGE}&offset={offset}", SEARCH)
        assert status == 200, body
        seen += [job["job_id"] for job in body["jobs"]]
        if len(body["jobs"]) < PAGE:
            break
    return Poll(begun, time.monotonic(), seen)


def by_marker(connection: Connection, jobs: str) -> Poll:
    """Follow the links to the next pages."""
    begun, seen = time.monotonic(), []
    path: str | None = f"{jobs}/?limit={PAGE}"
    while path:
        status, body, link = connection.ask("GET", path, SEARCH)
        assert status == 200, body
        seen += [job["job_id"] for job in body["jobs"]]
        path = link and "/" + link.split("/", 3)[3]
    return Poll(begun, time.monotonic(), seen)
