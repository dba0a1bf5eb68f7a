# SPDX-License-Identifier: Apache-2.0
"""The clients, actions, jobs and sessions of one user that are stored before a measurement.

Some clients are *polled*: they have the same number of jobs in stores of any size, so that their polls return
equally long lists. Their jobs are spread among those of the other clients.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from freezer_api.documents import actions, clients, jobs, sessions
from freezer_api.documents.kind import Kind
from freezer_api.operations.scope import Scope

Document = dict[str, Any]

CLIENTS = 100
POLLED = 10
PENDING, COMPLETED = 40, 10
"""Numbers of pending and completed jobs of each polled client."""
MIN_JOBS = POLLED * (PENDING + COMPLETED) + CLIENTS
MEMBERS = 3
"""Number of jobs in each session."""

_SCOPE = Scope("user_id", "demo", "demo", "demo")
_PROJECT = Scope("project_id", "demo", "demo", "demo")
_EPOCH = 1_700_000_000
_STATUSES = ("scheduled",) * 12 + ("completed",) * 5 + ("running", "stop", "")
_INTERVALS = ("1 days", "12 hours", "7 days", "5 minutes")


@dataclass
class Fleet:
    """The ids of stored documents that occur in requests."""

    polled: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    others_of_v2: list[str] = field(default_factory=list)
    """The clients that were registered through v2."""
    jobs: list[str] = field(default_factory=list)
    sessions: list[tuple[str, str]] = field(default_factory=list)
    """Pairs of the id of a session and the id of one of its jobs."""


class Row(NamedTuple):
    """A document with its key and its time of creation, in microseconds since the epoch."""

    key: str
    created: int
    document: Document


class Maker:
    """Generates documents that depend only on the numbers of jobs and sessions. Then ``fleet`` has their ids."""

    def __init__(self, count: int, session_count: int) -> None:
        self._count = count
        self._session_count = session_count
        self._random = random.Random(count)
        self.fleet = Fleet()
        self._library: dict[str, list[Document]] = {}

    def kinds(self) -> Iterator[tuple[Kind, Iterator[Row]]]:
        """Yield each kind with a generator of its documents. The generators have to be consumed in this order."""
        yield clients.CLIENTS, _rows(self._clients())
        yield actions.ACTIONS, _rows(self._actions())
        yield jobs.JOBS, _rows(self._jobs())
        yield sessions.SESSIONS, _rows(self._sessions())

    def _id(self) -> str:
        return f"{self._random.getrandbits(128):032x}"

    def _clients(self) -> Iterator[tuple[str, Document]]:
        for number in range(CLIENTS):
            host = f"host{number:03}.example.org"
            client_id = f"{self._id()}_{host}"
            of_v2 = number % 2 == 1
            others = self.fleet.others_of_v2 if of_v2 else self.fleet.others
            (self.fleet.polled if number < POLLED else others).append(client_id)
            client = {
                "client_id": client_id,
                "hostname": host,
                "description": f"node {number}",
                "uuid": self._id(),
                "supported_actions": ["backup", "restore", "admin"],
                "supported_modes": ["fs", "mysql"],
                "supported_storages": ["swift", "ssh"],
                "supported_engines": ["tar", "rsync"],
            }
            scope = _PROJECT if of_v2 else _SCOPE
            yield scope.client_key(client_id), scope.stamped({"client": client})

    def _actions(self) -> Iterator[tuple[str, Document]]:
        for client_id in (*self.fleet.polled, *self.fleet.others, *self.fleet.others_of_v2):
            self._library[client_id] = [self._action(path) for path in ("/etc", "/home", "/var/lib/mysql")]
            for action in self._library[client_id]:
                yield action["action_id"], action

    def _action(self, path: str) -> Document:
        definition = {
            "action": "backup",
            "mode": "fs",
            "path_to_backup": path,
            "backup_name": f"{path.rpartition('/')[2]}_backup",
            "container": "freezer_backups",
            "storage": "swift",
            "engine_name": "tar",
            "no_incremental": True,
        }
        retries = {"mandatory": False, "max_retries": 3, "max_retries_interval": 60}
        return _SCOPE.stamped({"freezer_action": definition, **retries, "action_id": self._id()})

    def _jobs(self) -> Iterator[tuple[str, Document]]:
        polled, others = self._polled_jobs(), [*self.fleet.others, *self.fleet.others_of_v2]
        step = self._count // len(polled)
        for number in range(self._count):
            if number % step == 0 and polled:
                client_id, status = polled.pop()
            else:
                client_id = self._random.choice(others)
                status = self._random.choice(_STATUSES)
            job = self._job(number, client_id, status)
            self.fleet.jobs.append(job["job_id"])
            yield job["job_id"], job

    def _polled_jobs(self) -> list[tuple[str, str]]:
        statuses = ["scheduled"] * PENDING + ["completed"] * COMPLETED
        found = [(client_id, status) for client_id in self.fleet.polled for status in statuses]
        self._random.shuffle(found)
        return found

    def _job(self, number: int, client_id: str, status: str) -> Document:
        created = _EPOCH + number
        ended = status == "completed"
        schedule = {
            "schedule_interval": self._random.choice(_INTERVALS),
            "schedule_start_date": "2026-06-02T16:20:00",
            "status": status,
            "event": "",
            "result": "success" if ended else "",
            "time_created": created,
            "time_started": created + 60 if ended else -1,
            "time_ended": created + 90 if ended else -1,
        }
        items = self._random.sample(self._library[client_id], 1 + number % 2)
        job = {
            "client_id": client_id,
            "description": f"backup {number} of {client_id.rpartition('_')[2]}",
            "job_actions": items,
            "job_schedule": schedule,
            "job_id": self._id(),
        }
        return _SCOPE.stamped(job)

    def _sessions(self) -> Iterator[tuple[str, Document]]:
        for number in range(self._session_count):
            session_id, members = self._id(), self._random.sample(self.fleet.jobs, MEMBERS)
            self.fleet.sessions.append((session_id, members[0]))
            session = {
                "session_id": session_id,
                "session_tag": 0,
                "hold_off": 30,
                "description": f"nightly {number}",
                "schedule": {"schedule_interval": "1 days", "schedule_start_date": "2026-06-02T16:20:00"},
                "status": "active",
                "last_start": "",
                "jobs": {job_id: self._entry() for job_id in members},
            }
            yield session_id, _SCOPE.stamped(session)

    def _entry(self) -> Document:
        client_id = self._random.choice(self.fleet.others)
        return {"client_id": client_id, "status": "scheduled", "result": "", "time_started": -1, "time_ended": -1}


def _rows(documents: Iterator[tuple[str, Document]]) -> Iterator[Row]:
    for number, (key, document) in enumerate(documents):
        yield Row(key, (_EPOCH + number) * 1_000_000, document)
