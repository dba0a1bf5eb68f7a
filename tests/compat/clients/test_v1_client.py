"""python-freezerclient of the v1 era, library and shell, from the catalog to the store and back."""

import ast
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.keystone import Keystone
from tests.support.service import Production

HERE = Path(__file__).parent
PROJECT = "workshop"

Shell = Callable[..., Any]


def test_the_library(service: Production, keystone: Keystone, v1_client: Path) -> None:
    keystone.token("lib", PROJECT, "member")
    command = [v1_client / "python", HERE / "library.py", "v1", keystone.url, "lib", PROJECT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"


def _variables(keystone: Keystone, user: str) -> dict[str, str]:
    return {
        **os.environ,
        "OS_AUTH_URL": keystone.url,
        "OS_USERNAME": user,
        "OS_PASSWORD": user,
        "OS_PROJECT_NAME": PROJECT,
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_BACKUP_API_VERSION": "1",
        "PYTHONWARNINGS": "ignore",
    }


@pytest.fixture
def shell(service: Production, keystone: Keystone, v1_client: Path) -> Iterator[Shell]:
    """Runs a command; what it printed, as JSON where it can."""
    keystone.token("cli", PROJECT, "member")
    process = subprocess.Popen(
        [v1_client / "python", HERE / "shell.py", "freezerclient.shell"],
        env=_variables(keystone, "cli"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def run(*words: str, code: int = 0) -> Any:
        process.stdin.write(json.dumps(words) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        assert answer["code"] == code, answer
        if "json" in words:
            return json.loads(answer["out"])
        return answer["out"] + answer["err"]

    with process:
        yield run
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.fixture
def file(tmp_path: Path) -> Callable[[Any], str]:
    def written(document: Any) -> str:
        path = tmp_path / "document.json"
        path.write_text(json.dumps(document))
        return str(path)

    return written


def _listed(shell: Shell, kind: str, *more: str) -> list[dict[str, Any]]:
    """An empty list is shown as one row of nothing."""
    return [row for row in shell(f"{kind}-list", "-f", "json", *more) if any(row.values())]


def test_the_shell(shell: Shell, file: Callable[[Any], str]) -> None:
    shell("client-register", "--file", file({"client_id": "node2", "hostname": "node2.example.org"}))
    # It trips over its own error, whatever the error is.
    shell("client-register", "--file", file({"client_id": "node2", "hostname": "n"}), code=1)
    assert [row["Client ID"] for row in _listed(shell, "client")] == ["node2"]
    assert shell("client-show", "node2", "-f", "json")["Client ID"] == "node2"

    action = {"action": "backup", "path_to_backup": "/etc", "backup_name": "etc", "container": "c", "mode": "fs"}
    shell("action-create", "--file", file({"action_id": "copy-etc", "freezer_action": action, "max_retries": 1}))
    shell("action-update", "copy-etc", file({"max_retries": 4}))
    shown = shell("action-show", "copy-etc", "-f", "json")
    assert "copy-etc" in shown.values()
    assert _listed(shell, "action", "--search", "copy-etc")

    job = {"job_id": "nightly", "job_actions": [{"action_id": "copy-etc", "freezer_action": action}]}
    shell("job-create", "--client", "node2", "--file", file(job))
    shell("job-update", "nightly", file({"description": "every night"}))
    assert ast.literal_eval(shell("job-get", "nightly", "--no-format"))["description"] == "every night"
    assert [row["Job ID"] for row in _listed(shell, "job", "--client", "node2")] == ["nightly"]
    for event in ("start", "stop", "abort"):
        shell(f"job-{event}", "nightly")
    assert shell("job-show", "nightly", "-f", "json")["Event"] in ("stop", "abort")

    session = {"session_id": "all", "session_tag": 0, "schedule": {"schedule_interval": "1 hours"}}
    shell("session-create", "--file", file(session))
    shell("session-add-job", "--session-id", "all", "--job-id", "nightly")
    shell("session-update", "all", file({"description": "together"}))
    shell("session-start", "--session-id", "all", "--job-id", "nightly", "--job-tag", "0")
    shown = shell("session-show", "all", "-f", "json")
    assert shown["Session tag"] == 1
    assert _listed(shell, "session")
    shell("session-remove-job", "--session-id", "all", "--job-id", "nightly")
    shell("session-delete", "all")

    metadata = {"container": "c", "hostname": "node2", "backup_name": "etc", "time_stamp": 1700000000}
    shell("backup-create", "--file", file(metadata))
    # Its dates are none for JSON.
    backup_id = shell("backup-list", "-f", "value", "-c", "Backup ID").strip()
    # It asks for an id of a name that never was.
    assert "node2" in shell("backup-show", backup_id, "-f", "value", "-c", "Metadata")
    shell("backup-delete", backup_id)
    assert shell("backup-list", "-f", "value", "-c", "Backup ID").strip() == ""

    shell("job-delete", "nightly")
    shell("action-delete", "copy-etc")
    shell("client-delete", "node2")
    for kind in ("job", "client"):
        assert _listed(shell, kind) == []


def test_the_command_itself(service: Production, keystone: Keystone, v1_client: Path) -> None:
    keystone.token("newcomer", PROJECT, "member")
    command = [v1_client / "freezer", "job-list", "-f", "json"]
    done = subprocess.run(
        command, env=_variables(keystone, "newcomer"), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [row["Job ID"] for row in json.loads(done.stdout)] == [""]


def test_a_reader_is_told_what_it_may_not(service: Production, keystone: Keystone, v1_client: Path) -> None:
    keystone.token("onlooker", PROJECT, "reader")
    command = [v1_client / "freezer", "job-delete", "nightly"]
    done = subprocess.run(
        command, env=_variables(keystone, "onlooker"), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "Error 403: You are not allowed to access this resource" in done.stderr
