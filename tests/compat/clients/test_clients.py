# SPDX-License-Identifier: Apache-2.0
"""The last python-freezerclient for v1 and the current one: library, shell, and plugin for ``openstack``."""

import ast
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.compat.clients.conftest import programs_of
from tests.support.keystone import Keystone
from tests.support.service import Production

HERE = Path(__file__).parent
PROJECT = "workshop"
OWN, OPENSTACK = "freezerclient.shell", "openstackclient.shell"
REQUIREMENTS = {
    # The last release that supports v1 needs pkg_resources.
    "v1": ("python-freezerclient==6.3.0", "setuptools<81"),
    "v2": ("python-freezerclient==6.5.0", "python-openstackclient==10.5.0"),
}


def _bin(version: str) -> Path:
    return programs_of(f"freezerclient-{version}", REQUIREMENTS[version])


def _variables(keystone: Keystone, user: str, project: str, version: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("OS_")},
        "OS_AUTH_URL": keystone.url,
        "OS_USERNAME": user,
        "OS_PASSWORD": user,
        "OS_PROJECT_NAME": project,
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_IDENTITY_API_VERSION": "3",
        **({"OS_BACKUP_API_VERSION": "1"} if version == "v1" else {}),
        "PYTHONWARNINGS": "ignore",
    }


class Shell(NamedTuple):
    """``name`` differs between shells. ``run`` runs a command such as ``job-list`` and returns its output, parsed
    if it is JSON.
    """

    version: str
    name: str
    run: Callable[..., Any]

    def list(self, kind: str, *more: str) -> list[dict[str, Any]]:
        """Return the rows; the client shows an empty list as one row of empty columns."""
        return [row for row in self.run(f"{kind}-list", "-f", "json", *more) if any(row.values())]


@pytest.mark.parametrize("version", REQUIREMENTS)
def test_all_methods_of_the_library_succeed(service: Production, keystone: Keystone, version: str) -> None:
    user = f"lib-{version}"
    keystone.token(user, user, "member")
    command = [_bin(version) / "python", HERE / "library.py", version, keystone.url, user, user]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "done\n"


@pytest.fixture(params=[("v1", OWN), ("v2", OWN), ("v2", OPENSTACK)], ids="-".join)
def shell(request: pytest.FixtureRequest, service: Production, keystone: Keystone) -> Iterator[Shell]:
    version, module = request.param
    user = f"{version}-{module.split('.')[0]}"
    keystone.token(user, user, "member")
    process = subprocess.Popen(
        [_bin(version) / "python", HERE / "shell.py", module],
        env=_variables(keystone, user, user, version),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def run(name: str, *words: str, code: int = 0) -> Any:
        command = name if module == OWN else _of_openstack(name)
        process.stdin.write(json.dumps([*command.split(), *words]) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline())
        assert answer["code"] == code, answer
        return json.loads(answer["out"]) if "json" in words else answer["out"] + answer["err"]

    with process:
        yield Shell(version, user, run)
        process.stdin.close()
        assert process.wait(20) == 0


def _of_openstack(name: str) -> str:
    """Return ``backup list`` for ``backup-list``, ``backup job list`` for ``job-list``."""
    kind, verb = name.split("-", 1)
    return f"backup {verb}" if kind == "backup" else f"backup {kind} {verb.replace('-', ' ')}"


@pytest.fixture
def file(tmp_path: Path) -> Callable[[Any], str]:
    def write(document: Any) -> str:
        path = tmp_path / "document.json"
        path.write_text(json.dumps(document))
        return str(path)

    return write


def test_all_commands_of_the_shell_succeed(shell: Shell, file: Callable[[Any], str]) -> None:
    run, own = shell.run, shell.name
    node, copy, nightly, together = f"node-{own}", f"copy-{own}", f"nightly-{own}", f"all-{own}"
    client = {"client_id": node, "hostname": "node.example.org"}
    run("client-register", "--file", file(client))
    # The client of v1 fails on a conflict, while the service accepts a repeated registration in v2.
    run("client-register", "--file", file(client), code=1 if shell.version == "v1" else 0)
    assert [row["Client ID"] for row in shell.list("client")] == [node]
    assert run("client-show", node, "-f", "json")["Client ID"] == node

    action = {"action": "backup", "path_to_backup": "/etc", "backup_name": "etc", "container": "c", "mode": "fs"}
    run("action-create", "--file", file({"action_id": copy, "freezer_action": action, "max_retries": 1}))
    run("action-update", copy, file({"max_retries": 4}))
    assert copy in run("action-show", copy, "-f", "json").values()
    assert shell.list("action", "--search", copy)

    job = {"job_id": nightly, "job_actions": [{"action_id": copy, "freezer_action": action}]}
    run("job-create", "--client", node, "--file", file(job))
    run("job-update", nightly, file({"description": "every night"}))
    assert ast.literal_eval(run("job-get", nightly, "--no-format"))["description"] == "every night"
    for options in (("--client", node), *([("--all-projects",)] if shell.version == "v2" else [])):
        assert [row["Job ID"] for row in shell.list("job", *options)] == [nightly]
    for event in ("start", "stop", "abort"):
        run(f"job-{event}", nightly)
    assert run("job-show", nightly, "-f", "json")["Event"] in ("stop", "abort")

    session = {"session_id": together, "session_tag": 0, "schedule": {"schedule_interval": "1 hours"}}
    run("session-create", "--file", file(session))
    run("session-add-job", "--session-id", together, "--job-id", nightly)
    run("session-update", together, file({"description": "together"}))
    run("session-start", "--session-id", together, "--job-id", nightly, "--job-tag", "0")
    assert run("session-show", together, "-f", "json")["Session tag"] == 1
    assert shell.list("session")
    run("session-remove-job", "--session-id", together, "--job-id", nightly)
    run("session-delete", together)

    metadata = {"container": "c", "hostname": "node", "backup_name": "etc", "time_stamp": 1700000000}
    run("backup-create", "--file", file(metadata))
    # The client cannot print dates as JSON.
    backup_id = run("backup-list", "-f", "value", "-c", "Backup ID").strip()
    assert "node" in run("backup-show", backup_id, "-f", "value", "-c", "Metadata")
    run("backup-delete", backup_id)
    assert run("backup-list", "-f", "value", "-c", "Backup ID").strip() == ""

    run("job-delete", nightly)
    run("action-delete", copy)
    run("client-delete", node)
    for kind in ("job", "client"):
        assert shell.list(kind) == []


@pytest.mark.parametrize(
    ("role", "words", "code", "expected"),
    [
        ("member", ("job-list", "-f", "json"), 0, '"Job ID": ""'),
        ("reader", ("job-delete", "nightly"), 1, "Error 403: You are not allowed to access this resource"),
    ],
    ids=["member", "reader is refused"],
)
def test_v1_command_exits_with_result_or_error(
    service: Production, keystone: Keystone, role: str, words: tuple[str, ...], code: int, expected: str
) -> None:
    user = f"only-{role}"
    keystone.token(user, PROJECT, role)
    done = subprocess.run(
        [_bin("v1") / "freezer", *words],
        env=_variables(keystone, user, PROJECT, "v1"),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, expected in done.stdout + done.stderr) == (code, True), done
