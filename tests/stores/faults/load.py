# SPDX-License-Identifier: Apache-2.0
"""Clients that write while the store fails, and check later that all acknowledged writes are stored."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

from tests.support.service import Service

JOB = {"client_id": "c1", "job_actions": [{"freezer_action": {"action": "backup"}}]}

UNAVAILABLE = 503

REQUEST_TIMEOUT = 60
"""Seconds after which a request that is not answered fails the test. ``test_hanging.py`` has narrower bounds."""


class Writer(threading.Thread):
    """Creates, changes and deletes jobs until ``stop``.

    The outcome of a change with response 503 is unknown. All other responses have to be successful.
    """

    def __init__(self, service: Service, name: str) -> None:
        super().__init__(name=name)
        self.rounds = 0
        self.refused = 0
        self.wrong: list[Any] = []
        self.present: dict[str, set[int]] = {}
        """The possible values of ``current_pid`` by job."""
        self.doubtful: set[str] = set()
        """Jobs that may or may not exist."""
        self.deleted: set[str] = set()
        self._service = service
        self._stop_asked = threading.Event()

    def stop(self) -> None:
        self._stop_asked.set()

    def run(self) -> None:
        for number in itertools.count():
            if self._stop_asked.is_set():
                return
            self._round(f"{self.name}-{number}")
            self.rounds += 1

    def _round(self, job: str) -> None:
        if not self._done("POST", f"/v1/jobs/{job}", JOB):
            self.doubtful.add(job)
            return
        self.present[job] = {-1}
        for pid in range(2):
            before = self.present[job]
            self.present[job] = {*before, pid}
            if self._done("PATCH", f"/v1/jobs/{job}", {"job_schedule": {"current_pid": pid}}):
                self.present[job] = {pid}
        if job.endswith(("3", "6", "9")):
            del self.present[job]
            (self.deleted if self._done("DELETE", f"/v1/jobs/{job}", None) else self.doubtful).add(job)

    def _done(self, method: str, path: str, body: Any) -> bool:
        status, answer = self._service.request(method, path, body, timeout=REQUEST_TIMEOUT)
        if status == UNAVAILABLE:
            self.refused += 1
            return False
        if status >= 300:
            self.wrong.append((method, path, status, answer))
        return True


class Reader(threading.Thread):
    """Lists the jobs repeatedly. A list must never be empty while jobs exist."""

    def __init__(self, service: Service) -> None:
        super().__init__(name="reader")
        self.wrong: list[Any] = []
        self.read = 0
        self._service = service
        self._stop_asked = threading.Event()

    def stop(self) -> None:
        self._stop_asked.set()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            status, body = self._service.request("GET", "/v1/jobs?limit=5", timeout=REQUEST_TIMEOUT)
            self.read += 1
            if status != UNAVAILABLE and (status != 200 or not body["jobs"]):
                self.wrong.append((status, body))


class Load:
    """Writers and a reader on services that share a store."""

    def __init__(self, services: Sequence[Service]) -> None:
        self._services = services
        create_job(services[0], "first")
        self.writers = [Writer(each, f"w{number}") for number, each in enumerate((*services, *services))]
        self.readers = [Reader(each) for each in services]

    def __enter__(self) -> Self:
        for thread in (*self.writers, *self.readers):
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in (*self.writers, *self.readers):
            thread.stop()
        for thread in (*self.writers, *self.readers):
            thread.join(120)

    @property
    def rounds(self) -> int:
        """Number of rounds of all writers, including those that failed with 503."""
        return sum(writer.rounds for writer in self.writers)

    @property
    def refused(self) -> int:
        return sum(writer.refused for writer in self.writers)

    def go_on(self, rounds: int) -> None:
        """Wait until the writers have completed this number of further rounds."""
        done = sum(len(writer.present) for writer in self.writers)
        until(lambda: sum(len(writer.present) for writer in self.writers) >= done + rounds)

    def check(self) -> None:
        """Check that acknowledged jobs exist and are complete, and that deleted ones do not exist."""
        for thread in (*self.writers, *self.readers):
            assert not thread.wrong, thread.wrong
        for writer in self.writers:
            assert writer.present
        listed = self._listed()
        actions = self._all("actions", "action_id")
        for writer in self.writers:
            for job, pids in writer.present.items():
                assert listed[job]["job_schedule"].get("current_pid", -1) in pids, job
            assert not writer.deleted & listed.keys()
        doubtful = set().union(*(writer.doubtful for writer in self.writers))
        known = {"first"}.union(*(writer.present for writer in self.writers))
        assert listed.keys() <= known | doubtful
        for job in listed.values():
            assert {item["action_id"] for item in job["job_actions"]} <= actions.keys()

    def _listed(self) -> dict[str, Any]:
        """Return the jobs. Check that all services list the same ones."""
        first, *others = (self._all("jobs", "job_id", service) for service in self._services)
        assert all(other == first for other in others)
        return first

    def _all(self, collection: str, name: str, service: Service | None = None) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            body = get(service or self._services[0], f"/v1/{collection}?limit=500&offset={len(found)}")
            page = {document[name]: document for document in body[collection]}
            assert not found.keys() & page.keys()
            found |= page
            if len(page) < 500:
                return found


def until(condition: Callable[[], bool], timeout: float = 600) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def create_job(service: Service, job: str) -> None:
    """Create a job. The request is retried while the store is slower than the deadline."""
    until(lambda: service.request("POST", f"/v1/jobs/{job}", JOB)[0] in (201, 409))


def get(service: Service, path: str) -> Any:
    """Return the body of a GET request, which is repeated while the store is unavailable."""
    answers: list[tuple[int, Any]] = []

    def _is_answered() -> bool:
        answers.append(service.request("GET", path))
        return answers[-1][0] != UNAVAILABLE

    until(_is_answered)
    status, body = answers[-1]
    assert status == 200, body
    return body


def check_a_store_that_is_away(service: Service, stop: Callable[[], object], start: Callable[[], object]) -> None:
    """Check that requests are 503 while the store is down, and that documents are unchanged afterwards."""
    create_job(service, "j1")
    stop()
    for method, path, body in (
        ("GET", "/v1/jobs", None),
        ("GET", "/v1/jobs/j1", None),
        ("POST", "/v1/jobs/j2", JOB),
        ("PATCH", "/v1/jobs/j1", {"description": "d"}),
        ("DELETE", "/v1/jobs/j1", None),
    ):
        status, answer = service.request(method, path, body)
        assert (status, answer["title"]) == (UNAVAILABLE, "Service Unavailable")
        assert "127.0.0.1" not in answer["description"]
    start()
    assert [job["job_id"] for job in get(service, "/v1/jobs")["jobs"]] == ["j1"]
