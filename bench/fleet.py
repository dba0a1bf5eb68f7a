"""A fleet of one user, put straight into the store: clients, their library of actions, jobs and sessions.

Some clients are *polled*: they have the same number of jobs however many there are in all, so that their pages
are full and equally deep in every store. Their jobs lie scattered among those of all the others.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from freezer_api import embedded
from freezer_api.documents import actions, clients, jobs, sessions
from freezer_api.documents.kind import Kind
from freezer_api.operations.scope import Scope
from freezer_api.repository.sql.schema import TABLES
from freezer_api.repository.sql.sqlite import sqlite_engine

Document = dict[str, Any]

CLIENTS = 100
POLLED = 10
PENDING, COMPLETED = 40, 10
"""Jobs of each polled client."""
FEWEST = POLLED * (PENDING + COMPLETED) + CLIENTS
MEMBERS = 3
"""Jobs of each session."""

_SCOPE = Scope("user_id", "demo", "demo", "demo")
_PROJECT = Scope("project_id", "demo", "demo", "demo")
_EPOCH = 1_700_000_000
_ROWS_AT_ONCE = 1000
_STATUSES = ("scheduled",) * 12 + ("completed",) * 5 + ("running", "stop", "")
_INTERVALS = ("1 days", "12 hours", "7 days", "5 minutes")


@dataclass
class Fleet:
    """What was stored, as far as requests name it."""

    polled: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    others_of_v2: list[str] = field(default_factory=list)
    """Registered by version 2."""
    jobs: list[str] = field(default_factory=list)
    sessions: list[tuple[str, str]] = field(default_factory=list)
    """Each with a member."""


class _Maker:
    def __init__(self, count: int) -> None:
        self._count = count
        self._random = random.Random(count)
        self.fleet = Fleet()
        self._library: dict[str, list[Document]] = {}

    def _id(self) -> str:
        return f"{self._random.getrandbits(128):032x}"

    def clients(self) -> Iterator[tuple[str, Document]]:
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

    def actions(self) -> Iterator[tuple[str, Document]]:
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

    def jobs(self) -> Iterator[tuple[str, Document]]:
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

    def sessions(self, count: int) -> Iterator[tuple[str, Document]]:
        for number in range(count):
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


def store(directory: Path, job_count: int, session_count: int) -> tuple[Path, Fleet]:
    """Make a store with a fleet of ``job_count`` jobs, the same one every time; its file and the fleet."""
    path = directory / embedded.FILE
    embedded.prepare(path)
    maker = _Maker(job_count)
    steps: list[tuple[Kind, Callable[[], Iterator[tuple[str, Document]]]]] = [
        (clients.CLIENTS, maker.clients),
        (actions.ACTIONS, maker.actions),
        (jobs.JOBS, maker.jobs),
        (sessions.SESSIONS, lambda: maker.sessions(session_count)),
    ]
    engine = sqlite_engine(path, timeout=5.0, connections=1)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        for kind, documents in steps:
            rows = _rows(kind, documents())
            while batch := list(islice(rows, _ROWS_AT_ONCE)):
                connection.execute(insert(TABLES[kind.name].table), batch)
        connection.commit()
    engine.dispose()
    return path, maker.fleet


def _rows(kind: Kind, documents: Iterator[tuple[str, Document]]) -> Iterator[dict[str, Any]]:
    for number, (key, document) in enumerate(documents):
        created = (_EPOCH + number) * 1_000_000
        yield {"key": key, "created": created, "version": 1, **TABLES[kind.name].contents(document)}
