# SPDX-License-Identifier: Apache-2.0
"""The requests whose CPU time is measured, in both versions."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, cycle

from bench import hello
from bench.fleet import PENDING, Fleet, metadata
from bench.wire import Request

PAGE = 10
WRITE_DELAY = 25
"""Approximate milliseconds that a write waits for a refresh."""
SAMPLE_SIZE = 1000
"""Number of requests whose calls to the store are recorded."""

V1, V2 = "/v1", "/v2/demo"


@dataclass(frozen=True)
class Scenario:
    """A kind of request. ``requests`` is endless, unless each of its requests can be sent only once.

    ``cpu_ms``: the goal, in milliseconds of CPU on SQLite on a machine where the hello-world takes 0.15.
    """

    name: str
    status: int
    requests: Callable[[Fleet], Iterator[Request]]
    writes: bool = False
    cpu_ms: float | None = None

    @property
    def of_v2(self) -> str:
        """The name of the same scenario in v2."""
        return f"{self.name}, v2"


def _hello(_fleet: Fleet) -> Iterator[Request]:
    return cycle([Request("GET", hello.PATH)])


def _hello_waits(_fleet: Fleet) -> Iterator[Request]:
    return cycle([Request("GET", f"{hello.PATH}/{WRITE_DELAY}")])


def _sample(ids: list[str]) -> list[str]:
    return random.Random(1).sample(ids, min(SAMPLE_SIZE, len(ids)))


def _get_job(base: str, fleet: Fleet) -> Iterator[Request]:
    return cycle([Request("GET", f"{base}/jobs/{job_id}") for job_id in _sample(fleet.jobs)])


def _get_backup(base: str, fleet: Fleet) -> Iterator[Request]:
    return cycle([Request("GET", f"{base}/backups/{backup_id}") for backup_id in _sample(fleet.backups)])


def _list(limit: int, base: str, _fleet: Fleet) -> Iterator[Request]:
    return cycle([Request("GET", f"{base}/jobs", f"limit={limit}")])


def _poll(offset: int, base: str, fleet: Fleet) -> Iterator[Request]:
    """Search for the jobs of a client that are not completed, as its scheduler does."""
    searches = (poll_search(client_id) for client_id in fleet.polled)
    return cycle([Request("GET", f"{base}/jobs/", f"limit={PAGE}&offset={offset}", search) for search in searches])


def poll_search(client_id: str) -> dict[str, object]:
    """Return the search of a scheduler's poll."""
    return {"match_not": [{"status": "completed"}], "match": [{"client_id": client_id}]}


def search(base: str, name: str, value: str, fleet: Fleet) -> Iterator[Request]:
    """Search backups by a value that contains the number of one host after the other."""
    values = [value.format(host) for host in random.Random(1).sample(range(fleet.hosts), min(100, fleet.hosts))]
    query = f"limit={PAGE}"
    return cycle([Request("GET", f"{base}/backups", query, {"match": [{name: value}]}) for value in values])


def create_job(base: str, number: int, client_id: str, actions: int = 3) -> Request:
    """Return a request that creates a job with this number of new actions."""
    items = [
        {
            "freezer_action": {
                "action": "backup",
                "mode": "fs",
                "path_to_backup": f"/srv/{number}/{item}",
                "backup_name": f"srv{number}",
                "container": "freezer_backups",
            },
            "max_retries": 3,
        }
        for item in range(actions)
    ]
    schedule = {"schedule_interval": "1 days", "schedule_start_date": "2026-06-02T16:20:00"}
    body = {
        "client_id": client_id,
        "description": f"daily backup {number}",
        "job_actions": items,
        "job_schedule": {**schedule, "status": "scheduled"},
    }
    return Request("POST", f"{base}/jobs/", body=body)


def _create_job(base: str, fleet: Fleet) -> Iterator[Request]:
    clients = fleet.others if base == V1 else fleet.others_of_v2
    return (create_job(base, number, client_id) for number, client_id in zip(count(), cycle(clients)))


def create_backup(base: str, number: int) -> Request:
    """Return a request for a backup, a document without references to others."""
    return Request("POST", f"{base}/backups", body=metadata(number))


def _create_backup(base: str, _fleet: Fleet) -> Iterator[Request]:
    return (create_backup(base, number) for number in count(2_000_000))


def patch_job(base: str, job_id: str, number: int) -> Request:
    """Report the state of a job as the scheduler does. Each number is stored."""
    schedule = {"status": "running", "current_pid": number}
    return Request("PATCH", f"{base}/jobs/{job_id}", body={"job_schedule": schedule})


def _patch_job(base: str, fleet: Fleet) -> Iterator[Request]:
    first = 1 if base == V1 else 1_000_000
    return (patch_job(base, job_id, number) for number, job_id in zip(count(first), cycle(_sample(fleet.jobs))))


def _act(base: str, fleet: Fleet) -> Iterator[Request]:
    """Start the first member of each session, and later end it."""
    for action in ({"start": {"current_tag": 0}}, {"end": {"current_tag": 1, "result": "success"}}):
        ((name, parameters),) = action.items()
        for session_id, (job_id, *_) in fleet.sessions.items():
            body = {name: {"job_id": job_id, **parameters}}
            yield Request("POST", f"{base}/sessions/{session_id}/action", body=body)


HELLO = Scenario("hello-world", 200, _hello)
HELLO_WAITS = Scenario("hello-world that waits", 200, _hello_waits, writes=True)
"""The baseline of writes that wait too: after a wait the caches of the processor are cold."""

GET_BACKUP = Scenario("get backup", 200, partial(_get_backup, V1), cpu_ms=0.28)
GET_JOB = Scenario("get job", 200, partial(_get_job, V1), cpu_ms=0.26)
LIST = Scenario("list of 10 jobs", 200, partial(_list, PAGE, V1), cpu_ms=0.34)
LIST_100 = Scenario("list of 100 jobs", 200, partial(_list, 100, V1), cpu_ms=0.95)
POLL = Scenario("poll", 200, partial(_poll, 0, V1), cpu_ms=0.47)
DEEP = Scenario("poll, last page", 200, partial(_poll, PENDING - PAGE, V1))
CREATE_BACKUP = Scenario("create backup", 201, partial(_create_backup, V1), writes=True, cpu_ms=0.64)
CREATE_JOB = Scenario("create job, 3 actions", 201, partial(_create_job, V1), writes=True, cpu_ms=1.4)
PATCH_JOB = Scenario("PATCH job", 200, partial(_patch_job, V1), writes=True, cpu_ms=0.45)
ACT = Scenario("session start or end", 202, partial(_act, V1), writes=True, cpu_ms=0.40)

OF_V1 = (GET_BACKUP, GET_JOB, LIST, LIST_100, POLL, DEEP, CREATE_BACKUP, CREATE_JOB, PATCH_JOB, ACT)
ONE_CALL = (GET_BACKUP, GET_JOB, LIST, POLL, DEEP, CREATE_BACKUP)
"""The scenarios that need only one call to the store."""
OF_V2 = (
    Scenario(GET_JOB.of_v2, 200, partial(_get_job, V2)),
    Scenario(LIST.of_v2, 200, partial(_list, PAGE, V2)),
    Scenario(POLL.of_v2, 200, partial(_poll, 0, V2)),
    Scenario(CREATE_JOB.of_v2, 201, partial(_create_job, V2), writes=True),
    Scenario(PATCH_JOB.of_v2, 200, partial(_patch_job, V2), writes=True),
)

SEARCH_HOST = Scenario("by host name", 200, partial(search, V1, "hostname", "host{}.example.org"), cpu_ms=0.5)
SEARCHES = (
    SEARCH_HOST,
    Scenario("by backup name", 200, partial(search, V1, "backup_name", "backup{}")),
    Scenario("by job", 200, partial(search, V1, "job_id", "job{}")),
    Scenario("by server", 200, partial(search, V1, "nova_inst_id", "server{}")),
    Scenario("by status", 200, partial(search, V2, "status", "error")),
)
