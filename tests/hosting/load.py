"""Clients that write while a service stops or reloads, and what became of each of their requests."""

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
    """Ids of jobs by what the client of each was told."""

    answered: list[str] = field(default_factory=list)
    """201."""
    ended: list[str] = field(default_factory=list)
    """The end of a kept connection in the place of the answer, before its first byte, as HTTP lets a server do."""
    refused: int = 0
    """No connection could be made."""
    lost: list[str] = field(default_factory=list)
    """Anything else: an answer that ends early, another status, the end of a connection that was new."""


class Load:
    """``clients`` threads; each has a connection of its own, used again if ``keep`` and the service do."""

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
        """Until so many more requests have been answered."""
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
                # The service is gone.
                return
            if not self._one(connection, f"job-{next(self._numbers)}", new=new):
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _one(self, connection: http.client.HTTPConnection, job: str, *, new: bool) -> bool:
        """Send one request; whether the connection can be used again."""
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
