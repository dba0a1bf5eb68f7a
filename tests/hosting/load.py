# SPDX-License-Identifier: Apache-2.0
"""Clients that create jobs while a service stops or reloads, and the outcome of each request."""

import http.client
import itertools
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

JOB = json.dumps({"client_id": "c1", "job_actions": [{"freezer_action": {"action": "backup"}}]}).encode()


@dataclass
class Outcomes:
    """Ids of jobs by the outcome of the request that creates them."""

    answered: list[str] = field(default_factory=list)
    """The response was 201."""
    ended: list[str] = field(default_factory=list)
    """The server closed a reused connection before the response, which HTTP allows."""
    refused: int = 0
    """Number of refused connections."""
    lost: list[str] = field(default_factory=list)
    """The response was incomplete or not 201, or a new connection was closed without a response."""


class Load:
    """Threads that send requests, each over its own connection, which is reused if ``keep`` is true."""

    def __init__(self, port: int, clients: int, *, keep: bool) -> None:
        self.outcomes = Outcomes()
        self._port = port
        self._keep = keep
        self._numbers = itertools.count()
        self._enough = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._write) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(60)

    def wait_for(self, answers: int) -> None:
        """Wait until this number of further requests was answered."""
        enough = len(self.outcomes.answered) + answers
        while len(self.outcomes.answered) < enough:
            assert any(thread.is_alive() for thread in self._threads), self.outcomes.lost
            self._enough.wait(0.01)

    def _write(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while not self._enough.is_set():
            new = connection is None
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
                    connection.connect()
            except ConnectionError:
                self.outcomes.refused += 1
                # The connection was refused because the service has ended.
                return
            if not self._one(connection, f"job-{next(self._numbers)}", new=new):
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _one(self, connection: http.client.HTTPConnection, job: str, *, new: bool) -> bool:
        """Send one request. Return whether the connection can be reused."""
        record: Callable[[str], None] = self.outcomes.lost.append
        again = False
        try:
            connection.request("POST", f"/v1/jobs/{job}", JOB)
            answer = connection.getresponse()
            body = json.loads(answer.read())
            if (answer.status, body["job_id"]) == (201, job):
                record = self.outcomes.answered.append
            again = self._keep and not answer.will_close
        except (http.client.RemoteDisconnected, ConnectionError):
            if not new:
                record = self.outcomes.ended.append
        except (http.client.HTTPException, ValueError, KeyError):
            pass
        record(job)
        return again
