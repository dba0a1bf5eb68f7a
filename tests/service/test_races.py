"""Many at once, over real HTTP, against several processes on one store."""

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


def made_job(service: Service) -> str:
    status, body = service.request("POST", "/v1/jobs", JOB)
    assert status == 201, body
    return str(body["job_id"])


def made_session(service: Service, jobs: int = 0, **properties: object) -> tuple[str, list[str]]:
    status, body = service.request("POST", "/v1/sessions", {"schedule": {}, **properties})
    assert status == 201, body
    session = str(body["session_id"])
    members = [made_job(service) for _ in range(jobs)]
    for job in members:
        assert service.request("PUT", f"/v1/sessions/{session}/jobs/{job}")[0] == 204
    return session, members


def shown(service: Service, path: str) -> dict:
    status, body = service.request("GET", path)
    assert status == 200, body
    return body


@pytest.mark.parametrize("round_", ROUNDS)
def test_fault_69_of_many_starts_exactly_one_raises_the_tag(service: Service, crowd: Crowd, round_: int) -> None:
    session, members = made_session(service, jobs=8, session_tag=round_)
    starts = [
        ("POST", f"/v1/sessions/{session}/action", {"start": {"job_id": job, "current_tag": round_}})
        for job in members * 4
    ]
    answers = crowd.send(starts)
    assert {answer.status for answer in answers} == {202}
    assert {answer.body["session_tag"] for answer in answers} == {round_ + 1}
    assert {answer.body["result"] for answer in answers} == {"success"}
    after = shown(service, f"/v1/sessions/{session}")
    assert after["session_tag"] == round_ + 1
    assert {entry["status"] for entry in after["jobs"].values()} == {"running"}


@pytest.mark.parametrize("round_", ROUNDS)
def test_fault_70_ends_at_the_same_time_are_all_counted(service: Service, crowd: Crowd, round_: int) -> None:
    session, members = made_session(service, jobs=12)
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
    assert {(answer.status, answer.body["result"]) for answer in answers} == {(202, "success")}
    after = shown(service, f"/v1/sessions/{session}")
    assert (after["status"], after["result"]) == ("completed", result)
    assert all(entry["status"] == "completed" for entry in after["jobs"].values())


@pytest.mark.parametrize("round_", ROUNDS)
def test_fault_70_members_that_come_and_go_at_once_are_not_lost(
    service: Service, crowd: Crowd, round_: int
) -> None:
    session, leaving = made_session(service, jobs=6)
    coming = [made_job(service) for _ in range(6)]
    answers = crowd.send(
        [("DELETE", f"/v1/sessions/{session}/jobs/{job}", None) for job in leaving]
        + [("PUT", f"/v1/sessions/{session}/jobs/{job}", None) for job in coming]
    )
    assert {answer.status for answer in answers} == {204}
    assert shown(service, f"/v1/sessions/{session}")["jobs"].keys() == set(coming)
    assert {shown(service, f"/v1/jobs/{job}")["session_id"] for job in coming} == {session}
    assert {shown(service, f"/v1/jobs/{job}")["session_id"] for job in leaving} == {""}


@pytest.mark.parametrize("round_", ROUNDS)
def test_fault_63_fault_64_of_many_registrations_one_wins(service: Service, crowd: Crowd, round_: int) -> None:
    client = fresh("client")
    answers = crowd.send([("POST", "/v1/clients", {"client_id": client})] * 32)
    assert sorted(answer.status for answer in answers) == [201, *[409] * 31]
    found = service.request("GET", "/v1/clients", {"match": [{"client_id": client}]})[1]["clients"]
    assert [item["client"]["client_id"] for item in found] == [client]


@pytest.mark.parametrize("round_", ROUNDS)
def test_fault_63_of_many_registrations_in_a_project_all_are_one(
    service: Service, crowd: Crowd, round_: int
) -> None:
    client_id = fresh("client")
    answers = crowd.send(
        [
            ("POST", "/v2/demo/clients", {"client_id": client_id, f"key{n}": n, "description": "d"})
            for n in range(16)
        ]
    )
    assert {(answer.status, answer.body["client_id"]) for answer in answers} == {(201, client_id)}
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
def test_of_many_actions_of_one_id_one_is_created(service: Service, crowd: Crowd, round_: int) -> None:
    action = {"action_id": fresh("action"), "freezer_action": {"action": "backup"}}
    answers = crowd.send([("POST", "/v1/actions", action)] * 16)
    assert sorted(answer.status for answer in answers) == [201, *[409] * 15]


@pytest.mark.parametrize("round_", ROUNDS)
def test_fault_47_changes_of_different_fields_are_not_lost(service: Service, crowd: Crowd, round_: int) -> None:
    job = made_job(service)
    path = f"/v1/jobs/{job}"
    patches = [{"job_schedule": {f"schedule_{unit}": "1"}} for unit in ("month", "day", "week", "hour", "minute")]
    patches += [{"description": "d"}, {"session_name": "s"}, {"job_schedule": {"current_pid": 7}}]
    answers = crowd.send([("PATCH", path, patch) for patch in patches] + [("POST", f"{path}/event", {"stop": 1})])
    assert {answer.status for answer in answers} == {200, 202}
    versions = sorted(answer.body["version"] for answer in answers if "version" in answer.body)
    assert len(set(versions)) == len(patches), "every change has a version of its own"
    after = shown(service, path)
    assert (after["description"], after["session_name"], after["_version"]) == ("d", "s", 10)
    schedule = {name: value for name, value in after["job_schedule"].items() if not name.startswith("time_")}
    assert schedule == {
        **{f"schedule_{unit}": "1" for unit in ("month", "day", "week", "hour", "minute")},
        "current_pid": 7,
        "event": "stop",
    }


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_job_that_is_joined_to_several_sessions_ends_in_one(service: Service, crowd: Crowd, round_: int) -> None:
    job = made_job(service)
    sessions = [made_session(service)[0] for _ in range(6)]
    answers = crowd.send([("PUT", f"/v1/sessions/{session}/jobs/{job}", None) for session in sessions])
    assert {answer.status for answer in answers} == {204}
    holders = [session for session in sessions if job in shown(service, f"/v1/sessions/{session}")["jobs"]]
    assert holders == [shown(service, f"/v1/jobs/{job}")["session_id"]]


@pytest.mark.parametrize("round_", ROUNDS)
def test_nothing_dangles_when_a_session_goes_while_jobs_join(service: Service, crowd: Crowd, round_: int) -> None:
    session, members = made_session(service, jobs=2)
    coming = [made_job(service) for _ in range(6)]
    answers = crowd.send(
        [("DELETE", f"/v1/sessions/{session}", None)]
        + [("PUT", f"/v1/sessions/{session}/jobs/{job}", None) for job in coming]
    )
    assert answers[0].status == 204
    assert {answer.status for answer in answers[1:]} <= {204, 404}
    assert service.request("GET", f"/v1/sessions/{session}")[0] == 404
    for job in members + coming:
        assert shown(service, f"/v1/jobs/{job}").get("session_id", "") == ""


@pytest.mark.parametrize("round_", ROUNDS)
def test_nothing_dangles_when_a_job_goes_while_it_joins(service: Service, crowd: Crowd, round_: int) -> None:
    session, _ = made_session(service)
    jobs = [made_job(service) for _ in range(5)]
    answers = crowd.send(
        [("PUT", f"/v1/sessions/{session}/jobs/{job}", None) for job in jobs]
        + [("DELETE", f"/v1/jobs/{job}", None) for job in jobs]
    )
    assert {answer.status for answer in answers[:5]} <= {204, 404}
    assert {answer.status for answer in answers[5:]} == {204}
    assert shown(service, f"/v1/sessions/{session}")["jobs"] == {}
