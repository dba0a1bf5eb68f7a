# SPDX-License-Identifier: Apache-2.0
"""Logs contain no secrets, even at DEBUG, and one line for each request."""

import json
import re
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compat.clients.conftest import OURS
from tests.support.keystone import Keystone
from tests.support.service import Production

CANARY = "canary-4711"
SECRETS = {
    "password": f"{CANARY}-password",
    "os_auth_token": f"{CANARY}-token",
    "encrypt_pass_file": f"{CANARY}-file",
    "anything": f"{CANARY}-anything",
}
ACTION = {"action": "backup", "path_to_backup": "/etc", **SECRETS}
JOB = {"client_id": "node", "description": f"{CANARY}-description", "job_actions": [{"freezer_action": ACTION}]}


@pytest.fixture
def service(keystone: Keystone, tmp_path: Path) -> Iterator[Production]:
    configuration = tmp_path / "freezer-api.conf"
    configuration.write_text(
        # Libraries such as keystonemiddleware log at DEBUG, too.
        f"[DEFAULT]\ndebug = true\ndefault_log_levels =\nlog_dir = {tmp_path}/logs\nuse_stderr = true\n"
        f"[paste_deploy]\nconfig_file = {OURS}\n{keystone.section()}"
    )
    (tmp_path / "logs").mkdir()
    started = Production(tmp_path / "data", "--config-file", str(configuration), "--workers", "1")
    yield started.start()
    started.end()


def _logged(service: Production) -> str:
    return service.log.read_text() + (service.data_dir.parent / "logs/freezer-api.log").read_text()


def test_no_log_contains_a_secret(service: Production, keystone: Keystone) -> None:
    token = keystone.new_token("quinn", "workshop", "member")
    other = keystone.token("rose", "workshop", "member")
    revoked = keystone.new_token("quinn", "workshop", "member")
    keystone.revoke(revoked)

    def ask(method: str, path: str, body: object = None, by: str | None = token) -> int:
        return service.request(method, path, body, by)[0]

    assert ask("POST", "/v1/jobs/secretive", JOB) == 201
    assert ask("GET", "/v1/jobs/secretive") == 200
    assert ask("PATCH", "/v1/jobs/secretive", {"job_actions": JOB["job_actions"]}) == 200
    assert ask("GET", "/v1/jobs", {"match": [{"_all": f"{CANARY}-search"}]}) == 200
    assert ask("GET", f"/v1/jobs?search={CANARY}") == 400
    assert ask("POST", "/v1/actions", {"freezer_action": ACTION, "max_retries": "x"}) == 400
    assert ask("POST", "/v1/jobs", json.dumps(JOB).encode()[:-1]) == 400
    assert ask("POST", "/v1/backups", {"container": "c", "hostname": "h", "backup_name": "b", **SECRETS}) == 201
    assert ask("GET", "/v1/jobs/secretive", by=other) == 404
    assert ask("GET", "/v1/jobs", by=revoked) == 401
    assert ask("GET", "/v1/jobs", by=f"{CANARY}-of-a-token") == 401
    in_storage = keystone.new_token("quinn", "workshop", "member")
    request = urllib.request.Request(f"{service.url}/v1/jobs", headers={"X-Storage-Token": in_storage})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    # Without the table the store cannot write the job.
    with sqlite3.connect(service.data_dir / "freezer.sqlite") as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        (jobs,) = (name for name in tables if re.fullmatch("(freezer_)?jobs", name))
        connection.execute(f'ALTER TABLE "{jobs}" RENAME TO elsewhere')
    connection.close()
    assert ask("POST", "/v1/jobs/lost", JOB) in (500, 503)
    assert service.stop() == 0

    logged = _logged(service)
    assert "GET /v1/jobs/secretive 200" in logged
    assert "keystoneauth" in logged
    assert "DEBUG" in logged
    assert CANARY not in logged
    for secret in (token, other, revoked, in_storage, "password = freezer", '"password": "freezer"'):
        assert secret not in logged


def test_each_request_is_logged_in_one_line(service: Production, keystone: Keystone) -> None:
    token = keystone.token("quinn", "workshop", "member")
    request = urllib.request.Request(f"{service.url}/v1/jobs/?limit=5", headers={"X-Auth-Token": token})
    request.add_header("X-Openstack-Request-ID", "req-of-mine")
    with urllib.request.urlopen(request) as answer:
        assert answer.headers["x-openstack-request-id"] == "req-of-mine"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{service.url}/v1/clients")
    refused.value.close()
    service.stop()
    lines = [line for line in service.log.read_text().splitlines() if " freezer_api.access " in line]
    user, project = keystone.user("quinn"), keystone.project("workshop")
    assert re.search(
        # The user also occurs in the context that oslo.log adds to every line.
        rf"INFO freezer_api\.access \[None req-of-mine {user} {project} - - \S+ \S+\] "
        rf"127\.0\.0\.1 GET /v1/jobs/ 200 \d+\.\dms req-of-mine user={user} project={project}",
        lines[0],
    )
    assert re.search(
        r"\[None req-\S+ - - - - - -\] 127\.0\.0\.1 GET /v1/clients 401 \d+\.\dms req-\S+ user=- project=-",
        lines[1],
    )
    assert len(lines) == 2
