"""What is asked, of which documents."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, cycle

from bench import hello
from bench.fleet import PENDING, Fleet
from bench.wire import Request

PAGE = 10
SAMPLE = 1000
"""Documents that reads go to in turn."""


@dataclass(frozen=True)
class Scenario:
    """``requests`` never ends, except where each of its requests can be made but once."""

    name: str
    status: int
    requests: Callable[[Fleet], Iterator[Request]]
    writes: bool = False


def _hello(_fleet: Fleet) -> Iterator[Request]:
    return cycle([Request("GET", hello.PATH)])


def _sample(fleet: Fleet) -> list[str]:
    return random.Random(1).sample(fleet.jobs, min(SAMPLE, len(fleet.jobs)))


def _get(fleet: Fleet) -> Iterator[Request]:
    return cycle([Request("GET", f"/v1/jobs/{job_id}") for job_id in _sample(fleet)])


def _list(_fleet: Fleet) -> Iterator[Request]:
    return cycle([Request("GET", "/v1/jobs", f"limit={PAGE}")])


def _poll(offset: int) -> Callable[[Fleet], Iterator[Request]]:
    """As the scheduler asks for a client's jobs that are not completed."""

    def requests(fleet: Fleet) -> Iterator[Request]:
        query = f"limit={PAGE}&offset={offset}"
        searches = (
            {"match_not": [{"status": "completed"}], "match": [{"client_id": client_id}]}
            for client_id in fleet.polled
        )
        return cycle([Request("GET", "/v1/jobs/", query, search) for search in searches])

    return requests


def _create(fleet: Fleet) -> Iterator[Request]:
    for number, client_id in zip(count(), cycle(fleet.others)):
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
        yield Request("POST", "/v1/jobs/", body=body)


def _update(fleet: Fleet) -> Iterator[Request]:
    """As the scheduler tells what became of a job; never the same twice, so that each one is stored."""
    for number, job_id in zip(count(1), cycle(_sample(fleet))):
        yield Request(
            "PATCH", f"/v1/jobs/{job_id}", body={"job_schedule": {"status": "running", "current_pid": number}}
        )


def _start(fleet: Fleet) -> Iterator[Request]:
    for session_id, job_id in fleet.sessions:
        body = {"start": {"job_id": job_id, "current_tag": 0}}
        yield Request("POST", f"/v1/sessions/{session_id}/action", body=body)


HELLO = Scenario("hello", 200, _hello)
GET = Scenario("get", 200, _get)
POLL = Scenario("poll", 200, _poll(0))
DEEP = Scenario("poll deep", 200, _poll(PENDING - PAGE))
START = Scenario("start", 202, _start, writes=True)
ALL = (
    GET,
    Scenario("list", 200, _list),
    POLL,
    DEEP,
    Scenario("create", 201, _create, writes=True),
    Scenario("update", 200, _update, writes=True),
    START,
)
