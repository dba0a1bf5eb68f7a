# SPDX-License-Identifier: Apache-2.0
"""Create a cindernative backup and rotate it with the classes of freezer-scheduler. Prints ``done``.

freezer-agent needs Cinder, so its output, copied from freezer 19.0.0, replaces it.
"""

import json
import sys
import tempfile
import time

from freezer.scheduler.freezer_scheduler import FreezerScheduler
from freezer.scheduler.scheduler_job import Job
from freezerclient.v2.client import Client

url, user, project = sys.argv[1:]
client = Client(
    auth_url=url,
    username=user,
    password=user,
    project_name=project,
    user_domain_name="Default",
    project_domain_name="Default",
    endpoint_type="public",
)
scheduler = FreezerScheduler(client, interval=3600, job_path=tempfile.gettempdir())
job = Job(scheduler, "freezer-agent", {"job_id": "volumes", "job_schedule": {}, "job_actions": []})
VOLUME = "7d1f4c1e-3a52-4c7c-8e55-0f9a2b6c3d41"


def backed_up(container):
    started = {
        "status": "creating",
        "mode": "cindernative",
        "action": "backup",
        "backup_media": "cindernative",
        "backup_name": "volume",
        "container": container,
        "cindernative_vol_id": VOLUME,
        "time_stamp": int(time.time()),
    }
    id_ = scheduler.create_backup_record(started)
    stored = client.backups.get(id_)
    assert stored["status"] == "creating", stored
    unset = ("always_level", "container_segments", "dry_run", "path_to_backup", "max_level", "log_file", "proxy")
    printed = {
        "curr_backup_level": 0,
        "fs_real_path": None,
        "vol_snap_path": None,
        "client_os": "linux",
        "client_version": "19.0.0",
        **dict.fromkeys(unset, ""),
        **{name: value for name, value in started.items() if name != "status"},
        "hostname": "node1.example.org",
        "container": container or "freezer_backups",
        "storage": "swift",
        "ssh_port": 22,
        "backup_id": id_,
        "cinder_backup_id": f"cinder-{id_}",
        "status": "available",
    }
    job.process_agent_output(json.dumps(printed))
    kept = {name: value for name, value in printed.items() if name not in ("backup_id", "status")}
    stored = client.backups.get(id_)
    assert stored["status"] == "available", stored
    assert stored["backup_metadata"] == {**kept, "job_id": "volumes"}, stored
    return id_


def records():
    return {
        backup["backup_id"] for backup in client.backups.list(search={"match": [{"cindernative_vol_id": VOLUME}]})
    }


ids = [backed_up(None), backed_up("volumes")]
assert records() == set(ids), records()
job.process_agent_output(json.dumps({"deleted_freezer_backup_ids": ids[:1]}))
assert records() == set(ids[1:]), records()
# A missing record does not stop the rotation.
job.process_agent_output(json.dumps({"deleted_freezer_backup_ids": ids}))
assert records() == set(), records()
print("done")
