# SPDX-License-Identifier: Apache-2.0
"""The documents of one user that are stored before a measurement.

Some clients are *polled*: they have the same number of jobs in stores of any size, so that their polls return
equally long lists. Their jobs are spread among those of the other clients.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from freezer_api.documents import actions, backups, clients, jobs, sessions
from freezer_api.documents.kind import Kind
from freezer_api.operations.scope import Scope
from freezer_api.repository.protocol import Original

Document = dict[str, Any]

CLIENTS = 100
POLLED = 10
PENDING, COMPLETED = 40, 10
"""Numbers of pending and completed jobs of each polled client."""
MIN_JOBS = POLLED * (PENDING + COMPLETED) + CLIENTS
"""The minimum number of jobs, unless all are of a central client."""
BACKUPS_OF_HOST = 10
"""Number of backups of each host, which have the same name, job and server. Those of different hosts are mixed."""

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
    """Jobs that are in no session."""
    backups: list[str] = field(default_factory=list)
    hosts: int = 1
    """Number of hosts with backups."""
    sessions: dict[str, list[str]] = field(default_factory=dict)
    """The ids of the members of each session."""


@dataclass(frozen=True)
class Wanted:
    """The wanted numbers of documents. ``members``: jobs in each session.

    ``central``: all jobs belong to one client and are not completed, as for a central scheduler.
    """

    jobs: int = 0
    sessions: int = 0
    members: int = 3
    backups: int = 0
    central: bool = False


class Maker:
    """Generates documents, which depend only on the wanted numbers. Afterwards ``fleet`` has their ids."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self._random = random.Random(wanted.jobs)
        self.fleet = Fleet()
        self._library: dict[str, list[Document]] = {}

    def kinds(self) -> Iterator[tuple[Kind, Iterator[Original]]]:
        """Yield each kind with a generator of its documents. The generators have to be consumed in this order."""
        yield clients.CLIENTS, _originals(self._clients())
        yield actions.ACTIONS, _originals(self._actions())
        yield jobs.JOBS, _originals(self._jobs())
        yield sessions.SESSIONS, _originals(self._sessions())
        yield backups.BACKUPS, _originals(self._backups())

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
        polled = [] if self.wanted.central else self._polled_jobs()
        others = [*self.fleet.others, *self.fleet.others_of_v2]
        step = self.wanted.jobs // max(1, len(polled))
        members = iter(self._members())
        for number in range(self.wanted.jobs):
            if self.wanted.central:
                job = self._job(number, self.fleet.polled[0], "scheduled")
            elif polled and number % step == 0:
                job = self._job(number, *polled.pop())
            else:
                job = self._job(number, self._random.choice(others), self._random.choice(_STATUSES))
                session_id = next(members, "")
                if session_id:
                    job |= {"session_id": session_id, "session_tag": 0}
                    self.fleet.sessions[session_id].append(job["job_id"])
            if "session_id" not in job:
                self.fleet.jobs.append(job["job_id"])
            yield job["job_id"], job

    def _members(self) -> list[str]:
        """Return the session of each member."""
        for _ in range(self.wanted.sessions):
            self.fleet.sessions[self._id()] = []
        return [session_id for session_id in self.fleet.sessions for _ in range(self.wanted.members)]

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
        for number, (session_id, members) in enumerate(self.fleet.sessions.items()):
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

    def _backups(self) -> Iterator[tuple[str, Document]]:
        hosts = self.fleet.hosts = max(1, self.wanted.backups // BACKUPS_OF_HOST)
        for number in range(self.wanted.backups):
            backup_id, status = self._id(), "error" if number % hosts == 0 else "available"
            self.fleet.backups.append(backup_id)
            backup = {"backup_id": backup_id, "user_name": "demo", "status": status}
            yield backup_id, _SCOPE.stamped({**backup, "backup_metadata": metadata(number, hosts)})


def metadata(number: int, hosts: int = 1000) -> Document:
    """Return the metadata that an agent on one of the hosts reports for its backup."""
    host, level = number % hosts, number // hosts % 7
    time_stamp = _EPOCH + number
    return {
        "hostname": f"host{host}.example.org",
        "backup_name": f"backup{host}",
        "job_id": f"job{host}",
        "nova_inst_id": f"server{host}",
        "container": "freezer_backups",
        "time_stamp": time_stamp,
        "mode": "fs",
        "action": "backup",
        "storage": "swift",
        "path_to_backup": "/var/lib/mysql",
        "fs_real_path": "/var/lib/mysql",
        "vol_snap_path": "",
        "curr_backup_level": level,
        "max_level": 7,
        "compression": "gzip",
        "encrypted": False,
        "backup_media": "fs",
        "client_os": "linux",
        "client_version": "17.0.0",
        "log_file": f"/var/log/freezer/{time_stamp}.log",
        "backup_size_compressed": 1_048_576 + number,
        "backup_size_uncompressed": 4_194_304 + number,
        "broken_links": "0",
        "excluded_files": "",
    }


def _originals(documents: Iterator[tuple[str, Document]]) -> Iterator[Original]:
    for number, (key, document) in enumerate(documents):
        yield Original(key, document, 1, (_EPOCH + number) * 1_000_000)
