# SPDX-License-Identifier: Apache-2.0
"""The requests of each scenario, in v1 and v2."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count, cycle

from bench import hello
from bench.fleet import PENDING, Fleet
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

    ``of_v2`` is the name of the same scenario in v2.
    """

    name: str
    status: int
    requests: Callable[[Fleet], Iterator[Request]]
    writes: bool = False

    @property
    def of_v2(self) -> str:
        return f"{self.name} v2"


def _hello(_fleet: Fleet) -> Iterator[Request]:
    return cycle([Request("GET", hello.PATH)])


def _hello_waits(_fleet: Fleet) -> Iterator[Request]:
    return cycle([Request("GET", f"{hello.PATH}/{WRITE_DELAY}")])


def _sample(fleet: Fleet) -> list[str]:
    return random.Random(1).sample(fleet.jobs, min(SAMPLE_SIZE, len(fleet.jobs)))


def _get(base: str, fleet: Fleet) -> Iterator[Request]:
    return cycle([Request("GET", f"{base}/jobs/{job_id}") for job_id in _sample(fleet)])


def _list(base: str, _fleet: Fleet) -> Iterator[Request]:
    return cycle([Request("GET", f"{base}/jobs", f"limit={PAGE}")])


def _poll(offset: int) -> Callable[[str, Fleet], Iterator[Request]]:
    """Search for the jobs of a client that are not completed, as its scheduler does."""

    def requests(base: str, fleet: Fleet) -> Iterator[Request]:
        query = f"limit={PAGE}&offset={offset}"
        searches = (
            {"match_not": [{"status": "completed"}], "match": [{"client_id": client_id}]}
            for client_id in fleet.polled
        )
        return cycle([Request("GET", f"{base}/jobs/", query, search) for search in searches])

    return requests


def _create(base: str, fleet: Fleet) -> Iterator[Request]:
    clients = fleet.others if base == V1 else fleet.others_of_v2
    for number, client_id in zip(count(), cycle(clients)):
        action = {
            "action": "backup",
            "mode": "fs",
            "path_to_backup": f"/srv/{number}",
            "backup_name": f"srv{number}",
        }
        schedule = {"schedule_interval": "1 days", "schedule_start_date": "2026-06-02T16:20:00"}
        body = {
            "client_id": client_id,
            "description": f"daily backup {number}",
            "job_actions": [{"freezer_action": {**action, "container": "freezer_backups"}, "max_retries": 3}],
            "job_schedule": {**schedule, "status": "scheduled"},
        }
        yield Request("POST", f"{base}/jobs/", body=body)


def _create_backup(base: str, _fleet: Fleet) -> Iterator[Request]:
    """Create a document without references to others."""
    for number in count():
        metadata = {"mode": "fs", "action": "backup", "path_to_backup": f"/srv/{number}", "curr_backup_level": 0}
        named = {"hostname": "host1.example.org", "container": "freezer_backups", "backup_name": f"srv{number}"}
        yield Request("POST", f"{base}/backups", body={**named, **metadata, "time_stamp": 1_700_000_000 + number})


def _update(base: str, fleet: Fleet) -> Iterator[Request]:
    """Report the state of a job as the scheduler does, with different values, so that each one is stored."""
    first = 1 if base == V1 else 1_000_000
    for number, job_id in zip(count(first), cycle(_sample(fleet))):
        yield Request(
            "PATCH", f"{base}/jobs/{job_id}", body={"job_schedule": {"status": "running", "current_pid": number}}
        )


def _start(base: str, fleet: Fleet) -> Iterator[Request]:
    for session_id, job_id in fleet.sessions:
        body = {"start": {"job_id": job_id, "current_tag": 0}}
        yield Request("POST", f"{base}/sessions/{session_id}/action", body=body)


HELLO = Scenario("hello", 200, _hello)
HELLO_WAITS = Scenario("hello waits", 200, _hello_waits, writes=True)
"""The baseline of writes, which wait too: after a wait the caches of the processor are cold."""
GET = Scenario("get", 200, partial(_get, V1))
LIST = Scenario("list", 200, partial(_list, V1))
POLL = Scenario("poll", 200, partial(_poll(0), V1))
DEEP = Scenario("poll deep", 200, partial(_poll(PENDING - PAGE), V1))
CREATE_BACKUP = Scenario("create backup", 201, partial(_create_backup, V1), writes=True)
CREATE = Scenario("create", 201, partial(_create, V1), writes=True)
START = Scenario("start", 202, partial(_start, V1), writes=True)
OF_V1 = (
    GET,
    LIST,
    POLL,
    DEEP,
    CREATE_BACKUP,
    CREATE,
    Scenario("update", 200, partial(_update, V1), writes=True),
    START,
)
OF_V2 = (
    Scenario(GET.of_v2, 200, partial(_get, V2)),
    Scenario("list v2", 200, partial(_list, V2)),
    Scenario(POLL.of_v2, 200, partial(_poll(0), V2)),
    Scenario(DEEP.of_v2, 200, partial(_poll(PENDING - PAGE), V2)),
    Scenario("create v2", 201, partial(_create, V2), writes=True),
    Scenario("update v2", 200, partial(_update, V2), writes=True),
)
ALL = (*OF_V1, *OF_V2)
