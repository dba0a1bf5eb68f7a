"""The health check does not wait for requests that wait for the store."""

import sqlite3
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from tests.support.service import Service

JOB = {"client_id": "c1", "job_actions": []}


def test_health_is_answered_while_all_threads_are_busy(start_service: Callable[..., Service]) -> None:
    service = start_service("data", "--workers", "1", "--threads", "1")
    assert service.request("POST", "/v1/jobs", JOB)[0] == 201
    file = service.data_dir / "freezer.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as rival, ThreadPoolExecutor(3) as clients:
        rival.execute("BEGIN IMMEDIATE")
        waiting = [clients.submit(service.request, "POST", "/v1/jobs", JOB) for _ in range(3)]
        for path in ("/healthcheck", "/healthcheck/"):
            with urllib.request.urlopen(service.url + path, timeout=30) as answer:
                assert answer.read() == b"OK"
        assert not any(request.done() for request in waiting)
        rival.rollback()
        assert {request.result()[0] for request in waiting} == {201}
