# SPDX-License-Identifier: Apache-2.0
"""Concurrent requests over HTTP to several processes on one store."""

import os
import uuid

import pytest

from tests.service.conftest import Crowd
from tests.support.service import Service

JOB = {"client_id": "c1", "job_actions": [{"freezer_action": {"action": "backup"}}]}
ROUNDS = range(5)
SOAK_ROUNDS = range(int(os.environ.get("SOAK_ROUNDS", "5")))


def fresh(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex}"


def create_job(service: Service) -> str:
    status, body = service.request("POST", "/v1/jobs", JOB)
    assert status == 201, body
    return str(body["job_id"])


def create_session(service: Service, jobs: int = 0, **properties: object) -> tuple[str, list[str]]:
    status, body = service.request("POST", "/v1/sessions", {"schedule": {}, **properties})
    assert status == 201, body
    session = str(body["session_id"])
    members = [create_job(service) for _ in range(jobs)]
    for job in members:
        assert service.request("PUT", f"/v1/sessions/{session}/jobs/{job}")[0] == 204
    return session, members


def get(service: Service, path: str) -> dict:
    status, body = service.request("GET", path)
    assert status == 200, body
    return body


@pytest.mark.parametrize("round_", ROUNDS)
def test_fault_69_concurrent_starts_increase_the_tag_once(service: Service, crowd: Crowd, round_: int) -> None:
    session, members = create_session(service, jobs=8, session_tag=round_)
    starts = [
        ("POST", f"/v1/sessions/{session}/action", {"start": {"job_id": job, "current_tag": round_}})
        for job in members * 4
    ]
    answers = crowd.send(starts)
    assert {answer.status for answer in answers} == {202}
    assert {answer.json()["session_tag"] for answer in answers} == {round_ + 1}
    assert {answer.json()["result"] for answer in answers} == {"success"}
    after = get(service, f"/v1/sessions/{session}")
    assert after["session_tag"] == round_ + 1
    assert {entry["status"] for entry in after["jobs"].values()} == {"running"}


@pytest.mark.parametrize("round_", ROUNDS)
def test_fault_70_concurrent_ends_are_all_stored(service: Service, crowd: Crowd, round_: int) -> None:
    session, members = create_session(service, jobs=12)
    path = f"/v1/sessions/{session}/action"
    for job in members:
        service.request("POST", path, {"start": {"job_id": job, "current_tag": 0}})
    result = "fail" if round_ % 2 else "success"
    results = [result, *["success"] * 11]
    answers = crowd.send(
        [
            ("POST", path, {"end": {"job_id": job, "current_tag": 1, "result": result}})
            for job, result in zip(members, results, strict=True)
        ]
    )
    assert {(answer.status, answer.json()["result"]) for answer in answers} == {(202, "success")}
    after = get(service, f"/v1/sessions/{session}")
    assert (after["status"], after["result"]) == ("completed", result)
    assert all(entry["status"] == "completed" for entry in after["jobs"].values())


@pytest.mark.parametrize("round_", ROUNDS)
def test_fault_70_concurrent_joins_and_leaves_are_all_stored(service: Service, crowd: Crowd, round_: int) -> None:
    session, leaving = create_session(service, jobs=6)
    coming = [create_job(service) for _ in range(6)]
    answers = crowd.send(
        [("DELETE", f"/v1/sessions/{session}/jobs/{job}", None) for job in leaving]
        + [("PUT", f"/v1/sessions/{session}/jobs/{job}", None) for job in coming]
    )
    assert {answer.status for answer in answers} == {204}
    assert get(service, f"/v1/sessions/{session}")["jobs"].keys() == set(coming)
    assert {get(service, f"/v1/jobs/{job}")["session_id"] for job in coming} == {session}
    assert {get(service, f"/v1/jobs/{job}")["session_id"] for job in leaving} == {""}


@pytest.mark.parametrize("round_", ROUNDS)
def test_fault_63_fault_64_one_of_many_registrations_wins(service: Service, crowd: Crowd, round_: int) -> None:
    client = fresh("client")
    answers = crowd.send([("POST", "/v1/clients", {"client_id": client})] * 32)
    assert sorted(answer.status for answer in answers) == [201, *[409] * 31]
    found = service.request("GET", "/v1/clients", {"match": [{"client_id": client}]})[1]["clients"]
    assert [item["client"]["client_id"] for item in found] == [client]


@pytest.mark.parametrize("round_", ROUNDS)
def test_fault_63_concurrent_registrations_of_v2_are_one_client(
    service: Service, crowd: Crowd, round_: int
) -> None:
    client_id = fresh("client")
    answers = crowd.send(
        [
            ("POST", "/v2/demo/clients", {"client_id": client_id, f"key{n}": n, "description": "d"})
            for n in range(16)
        ]
    )
    assert {(answer.status, answer.json()["client_id"]) for answer in answers} == {(201, client_id)}
    search = {"match": [{"client_id": client_id}]}
    for path in ("/v1/clients", "/v2/demo/clients"):
        status, body = service.request("GET", path, search)
        assert (status, len(body["clients"])) == (200, 1)


@pytest.mark.soak
@pytest.mark.parametrize("times", [1, 4])
def test_registrations_by_both_versions_leave_one_client(service: Service, crowd: Crowd, times: int) -> None:
    for round_ in SOAK_ROUNDS:
        client = {"client_id": fresh("client")}
        answers = crowd.send([("POST", path, client) for path in ("/v1/clients", "/v2/demo/clients")] * times)
        assert [answer.status for answer in answers[1::2]] == [201] * times, round_
        by_v1 = sorted(answer.status for answer in answers[::2])
        assert by_v1 in ([201, *[409] * (times - 1)], [409] * times), round_
        for path in ("/v1/clients", "/v2/demo/clients"):
            status, body = service.request("GET", path, {"match": [client]})
            assert (status, len(body["clients"])) == (200, 1), round_


@pytest.mark.parametrize("round_", ROUNDS)
def test_one_of_many_actions_with_one_id_is_created(service: Service, crowd: Crowd, round_: int) -> None:
    action = {"action_id": fresh("action"), "freezer_action": {"action": "backup"}}
    answers = crowd.send([("POST", "/v1/actions", action)] * 16)
    assert sorted(answer.status for answer in answers) == [201, *[409] * 15]


@pytest.mark.parametrize("round_", ROUNDS)
def test_fault_47_concurrent_changes_of_fields_are_all_stored(service: Service, crowd: Crowd, round_: int) -> None:
    job = create_job(service)
    path = f"/v1/jobs/{job}"
    patches = [{"job_schedule": {f"schedule_{unit}": "1"}} for unit in ("month", "day", "week", "hour", "minute")]
    patches += [{"description": "d"}, {"session_name": "s"}, {"job_schedule": {"current_pid": 7}}]
    answers = crowd.send([("PATCH", path, patch) for patch in patches] + [("POST", f"{path}/event", {"stop": 1})])
    assert {answer.status for answer in answers} == {200, 202}
    versions = sorted(answer.json()["version"] for answer in answers if "version" in answer.json())
    assert len(set(versions)) == len(patches)
    after = get(service, path)
    assert (after["description"], after["session_name"], after["_version"]) == ("d", "s", 10)
    schedule = {name: value for name, value in after["job_schedule"].items() if not name.startswith("time_")}
    assert schedule == {
        **{f"schedule_{unit}": "1" for unit in ("month", "day", "week", "hour", "minute")},
        "current_pid": 7,
        "event": "stop",
    }


@pytest.mark.parametrize("round_", ROUNDS)
def test_job_put_into_several_sessions_is_in_one(service: Service, crowd: Crowd, round_: int) -> None:
    job = create_job(service)
    sessions = [create_session(service)[0] for _ in range(6)]
    answers = crowd.send([("PUT", f"/v1/sessions/{session}/jobs/{job}", None) for session in sessions])
    assert {answer.status for answer in answers} == {204}
    holders = [session for session in sessions if job in get(service, f"/v1/sessions/{session}")["jobs"]]
    assert holders == [get(service, f"/v1/jobs/{job}")["session_id"]]


@pytest.mark.parametrize("round_", ROUNDS)
def test_session_deleted_during_joins_leaves_no_reference(service: Service, crowd: Crowd, round_: int) -> None:
    session, members = create_session(service, jobs=2)
    coming = [create_job(service) for _ in range(6)]
    answers = crowd.send(
        [("DELETE", f"/v1/sessions/{session}", None)]
        + [("PUT", f"/v1/sessions/{session}/jobs/{job}", None) for job in coming]
    )
    assert answers[0].status == 204
    assert {answer.status for answer in answers[1:]} <= {204, 404}
    assert service.request("GET", f"/v1/sessions/{session}")[0] == 404
    for job in members + coming:
        assert get(service, f"/v1/jobs/{job}").get("session_id", "") == ""


@pytest.mark.parametrize("round_", ROUNDS)
def test_job_deleted_during_its_join_leaves_no_reference(service: Service, crowd: Crowd, round_: int) -> None:
    session, _ = create_session(service)
    jobs = [create_job(service) for _ in range(5)]
    answers = crowd.send(
        [("PUT", f"/v1/sessions/{session}/jobs/{job}", None) for job in jobs]
        + [("DELETE", f"/v1/jobs/{job}", None) for job in jobs]
    )
    assert {answer.status for answer in answers[:5]} <= {204, 404}
    assert {answer.status for answer in answers[5:]} == {204}
    assert get(service, f"/v1/sessions/{session}")["jobs"] == {}
