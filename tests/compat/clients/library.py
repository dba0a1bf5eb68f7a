# SPDX-License-Identifier: Apache-2.0
"""Call all methods of the client library, for v1 or v2. Runs in its own environment and prints ``done``."""

import importlib
import sys

from freezerclient import exceptions

version, url, user, project = sys.argv[1:]
a_job = f"a-job-of-{version}"
client = importlib.import_module(f"freezerclient.{version}.client").Client(
    auth_url=url,
    username=user,
    password=user,
    project_name=project,
    user_domain_name="Default",
    project_domain_name="Default",
    endpoint_type="public",
)


def refused(status, call, *arguments):
    try:
        call(*arguments)
    except exceptions.ApiClientException as error:
        if error.status_code == status:
            return str(error)
        raise
    raise AssertionError("the call succeeded")


def clients():
    machine = {"client_id": f"{project}_node1", "hostname": "node1", "description": "the first machine"}
    assert client.clients.create(machine) == machine["client_id"]
    if version == "v1":
        assert "already registered" in refused(409, client.clients.create, machine)
    else:
        assert client.clients.create(machine) == machine["client_id"]
        assert client.clients.create({"client_id": client.client_id}) == client.client_id
    found = client.clients.get(machine["client_id"])
    assert found["client"]["hostname"] == "node1"
    (listed,) = client.clients.list(limit=5, offset=0, search={"match": [{"_all": "first"}]})
    assert listed["client"]["uuid"] == found["client"]["uuid"]
    return machine["client_id"]


def actions():
    definition = {
        "action": "backup",
        "mode": "fs",
        "path_to_backup": "/etc",
        "container": "c",
        "backup_name": "etc",
    }
    id_ = client.actions.create({"freezer_action": definition, "max_retries": 2})
    assert client.actions.create({"freezer_action": definition}, "an-id") == "an-id"
    assert client.actions.get(id_)["freezer_action"] == definition
    client.actions.update(id_, {"max_retries": 3})
    assert client.actions.get(id_)["max_retries"] == 3
    assert {action["action_id"] for action in client.actions.list()} == {id_, "an-id"}
    client.actions.delete("an-id")
    client.actions.delete("an-id")
    assert client.actions.get("an-id") is None
    return client.actions.get(id_)


def jobs(client_id, action):
    job = {"client_id": client_id, "job_actions": [action], "job_schedule": {"schedule_interval": "1 days"}}
    id_ = client.jobs.create(dict(job))
    assert client.jobs.create(dict(job), a_job) == a_job
    assert client.jobs.create({"job_actions": [action], "job_id": "named"}) == "named"
    assert client.jobs.get("named")["client_id"] == client.client_id
    assert client.jobs.update(id_, {"description": "nightly"}) == 2
    assert client.jobs.get(id_)["description"] == "nightly"
    assert client.jobs.start_job(id_)["result"] == "success"
    assert client.jobs.get(id_)["job_schedule"]["event"] == "start"
    client.jobs.update(id_, {"job_schedule": {"status": "running", "event": "", "current_pid": 17}})
    assert client.jobs.stop_job(id_)["result"]
    assert client.jobs.abort_job(id_)["result"]
    polled = {"match_not": [{"status": "completed"}]}
    assert {job["job_id"] for job in client.jobs.list(search=polled, client_id=client_id)} == {id_, a_job}
    client.jobs.update(a_job, {"job_schedule": {"status": "completed"}})
    search = {"match_not": [{"status": "completed"}], "match": [{"client_id": client_id}]}
    assert [job["job_id"] for job in client.jobs.list_all(limit=10, offset=0, search=search)] == [id_]
    client.jobs.delete("named")
    assert client.jobs.get("named") is None
    return id_


def sessions(job_id):
    id_ = client.sessions.create({"schedule": {"schedule_interval": "1 hours"}, "hold_off": 5})
    client.sessions.add_job(id_, job_id)
    client.sessions.add_job(id_, a_job)
    assert set(client.sessions.get(id_)["jobs"]) == {job_id, a_job}
    client.sessions.remove_job(id_, a_job)
    client.sessions.remove_job(id_, a_job)
    assert client.sessions.start_session(id_, job_id, 0) == {"result": "success", "session_tag": 1}
    assert client.sessions.start_session(id_, job_id, "0")["result"] in ("hold-off", "out-of-sync", "success")
    assert client.sessions.end_session(id_, job_id, 1, "success")["result"] == "success"
    assert client.sessions.get(id_)["result"] == "success"
    client.sessions.update(id_, {"description": "all"})
    assert [session["session_id"] for session in client.sessions.list()] == [id_]
    assert client.sessions.list_all(limit=1, offset=1) == []
    client.sessions.delete(id_)
    assert client.sessions.get(id_) is None


def backups():
    metadata = {
        "container": "c",
        "hostname": "node1",
        "backup_name": "etc",
        "time_stamp": 1700000000,
        "mode": "fs",
    }
    id_ = client.backups.create(metadata)
    assert client.backups.get(id_)["backup_metadata"] == metadata
    search = {"match": [{"hostname": "node1"}], "time_after": 1600000000, "time_before": 1800000000}
    (found,) = client.backups.list(search=search)
    assert found["backup_id"] == id_
    if version == "v1":
        assert found["user_name"] == user
    else:
        changed = client.backups.update(id_, {"status": "error", "backup_metadata": {"note": "late"}})
        assert (changed["status"], changed["backup_metadata"]) == ("error", {**metadata, "note": "late"})
    client.backups.delete(id_)
    assert client.backups.get(id_) is None
    assert "Bad Data Format" in refused(400, client.backups.create, {"hostname": "node1"})


machine = clients()
sessions(jobs(machine, actions()))
backups()
client.clients.delete(machine)
assert client.clients.get(machine) is None
print("done")
