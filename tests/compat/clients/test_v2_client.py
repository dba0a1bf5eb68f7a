"""python-freezerclient of today: its library, its own shell, and its plugin for ``openstack``."""

import ast
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compat.clients.conftest import programs_of
from tests.support.keystone import Keystone
from tests.support.service import Production

HERE = Path(__file__).parent
PROJECT = "studio"
REQUIREMENTS = ("python-freezerclient==6.5.0", "python-openstackclient==10.5.0")
SHELLS = ("freezerclient.shell", "openstackclient.shell")

Shell = Callable[..., Any]


@pytest.fixture(scope="session")
def programs() -> Path:
    """The ``bin`` of the client's environment."""
    return programs_of("freezerclient-v2", REQUIREMENTS)


def test_the_library(service: Production, keystone: Keystone, programs: Path) -> None:
    keystone.token("lib", PROJECT, "member")
    command = [programs / "python", HERE / "library.py", "v2", keystone.url, "lib", PROJECT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"


@pytest.fixture(params=SHELLS)
def shell(
    request: pytest.FixtureRequest, service: Production, keystone: Keystone, programs: Path
) -> Iterator[Shell]:
    """Runs a command, ``job-list``; what it printed, as JSON where it can."""
    user = f"user-of-{request.param.split('.')[0]}"
    keystone.token(user, user, "member")
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("OS_")},
        "OS_AUTH_URL": keystone.url,
        "OS_USERNAME": user,
        "OS_PASSWORD": user,
        "OS_PROJECT_NAME": user,
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_IDENTITY_API_VERSION": "3",
        "PYTHONWARNINGS": "ignore",
    }
    process = subprocess.Popen(
        [programs / "python", HERE / "shell.py", request.param],
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def run(name: str, *words: str) -> Any:
        said = name if request.param == "freezerclient.shell" else _of_openstack(name)
        process.stdin.write(json.dumps([*said.split(), *words]) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        assert not answer["code"], answer
        return json.loads(answer["out"]) if "json" in words else answer["out"] + answer["err"]

    with process:
        yield run
        process.stdin.close()
        assert process.wait(20) == 0


def _of_openstack(name: str) -> str:
    """``backup-list`` is ``backup list`` there, ``job-list`` ``backup job list``."""
    kind, verb = name.split("-", 1)
    return f"backup {verb}" if kind == "backup" else f"backup {kind} {verb.replace('-', ' ')}"


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


def test_the_shells(shell: Shell, file: Callable[[Any], str], request: pytest.FixtureRequest) -> None:
    own = request.node.callspec.params["shell"].split(".")[0]
    node, nightly, together = f"node-{own}", f"nightly-{own}", f"all-{own}"
    for _ in range(2):
        shell("client-register", "--file", file({"client_id": node, "hostname": "node.example.org"}))
    assert [row["Client ID"] for row in _listed(shell, "client")] == [node]
    assert shell("client-show", node, "-f", "json")["Client ID"] == node

    action = {"action": "backup", "path_to_backup": "/etc", "backup_name": "etc", "container": "c", "mode": "fs"}
    copy = f"copy-{own}"
    shell("action-create", "--file", file({"action_id": copy, "freezer_action": action, "max_retries": 1}))
    shell("action-update", copy, file({"max_retries": 4}))
    assert copy in shell("action-show", copy, "-f", "json").values()
    assert _listed(shell, "action", "--search", copy)

    job = {"job_id": nightly, "job_actions": [{"action_id": copy, "freezer_action": action}]}
    shell("job-create", "--client", node, "--file", file(job))
    shell("job-update", nightly, file({"description": "every night"}))
    assert ast.literal_eval(shell("job-get", nightly, "--no-format"))["description"] == "every night"
    assert [row["Job ID"] for row in _listed(shell, "job", "--client", node)] == [nightly]
    assert [row["Job ID"] for row in _listed(shell, "job", "--all-projects")] == [nightly]
    for event in ("start", "stop", "abort"):
        shell(f"job-{event}", nightly)
    assert shell("job-show", nightly, "-f", "json")["Event"] in ("stop", "abort")

    session = {"session_id": together, "session_tag": 0, "schedule": {"schedule_interval": "1 hours"}}
    shell("session-create", "--file", file(session))
    shell("session-add-job", "--session-id", together, "--job-id", nightly)
    shell("session-update", together, file({"description": "together"}))
    shell("session-start", "--session-id", together, "--job-id", nightly, "--job-tag", "0")
    assert shell("session-show", together, "-f", "json")["Session tag"] == 1
    assert _listed(shell, "session")
    shell("session-remove-job", "--session-id", together, "--job-id", nightly)
    shell("session-delete", together)

    metadata = {"container": "c", "hostname": "node", "backup_name": "etc", "time_stamp": 1700000000}
    shell("backup-create", "--file", file(metadata))
    # Its dates are none for JSON.
    backup_id = shell("backup-list", "-f", "value", "-c", "Backup ID").strip()
    assert "node" in shell("backup-show", backup_id, "-f", "value", "-c", "Metadata")
    shell("backup-delete", backup_id)
    assert shell("backup-list", "-f", "value", "-c", "Backup ID").strip() == ""

    shell("job-delete", nightly)
    shell("action-delete", copy)
    shell("client-delete", node)
    for kind in ("job", "client"):
        assert _listed(shell, kind) == []
