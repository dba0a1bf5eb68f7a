# SPDX-License-Identifier: Apache-2.0
"""SIGKILL under load loses no acknowledged write."""

import http.client
import itertools
import json
import threading
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import Service

JOB = {"client_id": "c1", "job_actions": [{"freezer_action": {"action": "backup"}}]}
ROUNDS = 60
"""Number of acknowledged rounds of writes before the service is killed."""


class Writer(threading.Thread):
    """Creates, changes and deletes jobs until the service is killed, and records acknowledged writes."""

    def __init__(self, service: Service, name: str, count: threading.Semaphore) -> None:
        super().__init__(name=name)
        self._service, self._count = service, count
        self.present: dict[str, int] = {}
        self.deleted: list[str] = []

    def run(self) -> None:
        try:
            for number in itertools.count():
                self._round(f"{self.name}-{number}")
                self._count.release()
        except (OSError, http.client.HTTPException, urllib.error.URLError, json.JSONDecodeError):
            return

    def _round(self, job: str) -> None:
        self._acknowledged("POST", f"/v1/jobs/{job}", JOB, 201)
        self.present[job] = -1
        for pid in range(3):
            self._acknowledged("PATCH", f"/v1/jobs/{job}", {"job_schedule": {"current_pid": pid}}, 200)
            self.present[job] = pid
        gone = f"{job}-gone"
        self._acknowledged("POST", f"/v1/jobs/{gone}", JOB, 201)
        self._acknowledged("DELETE", f"/v1/jobs/{gone}", None, 204)
        self.deleted.append(gone)

    def _acknowledged(self, method: str, path: str, body: Any, status: int) -> None:
        answer = self._service.request(method, path, body)
        assert answer[0] == status, answer


def _check(service: Service, writer: Writer) -> None:
    for job, pid in writer.present.items():
        status, body = service.request("GET", f"/v1/jobs/{job}")
        assert status == 200, job
        # If the service was killed during a change, the change may or may not be stored.
        assert body["job_schedule"].get("current_pid", -1) in (pid, pid + 1), job
    for job in writer.deleted:
        assert service.request("GET", f"/v1/jobs/{job}")[0] == 404, job


@pytest.mark.parametrize("round_", range(3))
def test_sigkill_of_all_processes_loses_no_acknowledged_write(
    start_service, store: Path | None, round_: int
) -> None:
    service: Service = start_service(f"data-{round_}", config=store)
    count = threading.Semaphore(0)
    writers = [Writer(service, f"w{number}", count) for number in range(4)]
    for writer in writers:
        writer.start()
    for _ in range(ROUNDS):
        assert count.acquire(timeout=60)
    service.kill()
    for writer in writers:
        writer.join(60)
    service.start()
    assert sum(len(writer.deleted) for writer in writers) >= ROUNDS
    for writer in writers:
        _check(service, writer)
