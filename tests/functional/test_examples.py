# SPDX-License-Identifier: Apache-2.0
"""The examples of doc/examples, sent unchanged."""

import json
from pathlib import Path

import pytest

from tests.functional.client import Client
from tests.functional.versions import V1, V2

pytestmark = pytest.mark.any_store

DIRECTORY = Path(__file__).parents[2] / "doc" / "examples"
KINDS = {"job": "jobs", "action": "actions", "backup": "backups", "client": "clients", "session": "sessions"}
EXAMPLES = sorted(path.name for path in DIRECTORY.glob("*.json"))
FLAT = "action-flat.json"
"""An action in the flat form, which only v1 accepts."""


def _post(client: Client, name: str) -> tuple[str, str]:
    """Create the document of an example and return its kind and id."""
    word = name.removesuffix(".json").split("-")[0]
    if word == "job" and client.version is V2:
        assert client("POST", "clients/", (DIRECTORY / "client.json").read_bytes()).status == 201
    answer = client("POST", f"{KINDS[word]}/", (DIRECTORY / name).read_bytes())
    assert answer.status == 201, answer
    return KINDS[word], answer.json[f"{word}_id"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_is_accepted(client: Client, name: str) -> None:
    if name == FLAT and client.version is V2:
        assert client("POST", "actions/", (DIRECTORY / name).read_bytes()).status == 400
        return
    kind, id_ = _post(client, name)
    assert client("GET", f"{kind}/{id_}").status == 200
    assert len(client("GET", f"{kind}/").json[kind]) == 1


def test_all_examples_are_accepted_together(client: Client) -> None:
    """The example client supports the example jobs."""
    for name in sorted(EXAMPLES, key=lambda name: not name.startswith("client")):
        if name != FLAT or client.version is V1:
            _post(client, name)
    jobs = client("GET", "jobs").json["jobs"]
    assert {job["client_id"] for job in jobs} == {"51704a4a7d4c43f7a3c0a0ff12f1e7a1_node1.example.org"}


def test_example_of_action_defaults_fills_missing_keys(client: Client) -> None:
    kind, id_ = _post(client, "job-action-defaults.json")
    first, second = client("GET", f"{kind}/{id_}").json["job_actions"]
    assert first["freezer_action"]["container"] == "freezer_homes"
    assert second["freezer_action"] == {
        "action": "backup",
        "mode": "fs",
        "storage": "swift",
        "container": "freezer_søren",
        "log_file": "/var/log/freezer/homes.log",
        "path_to_backup": "/home/søren",
        "backup_name": "home-søren",
    }


AGENT = "backup-freezer-agent.json"


def _exactly(value: object) -> str:
    """Return a text that differs for 1, 1.0, true and "1"."""
    return json.dumps(value, sort_keys=True)


def test_metadata_of_a_real_agent_is_unchanged_fault_97(client: Client) -> None:
    kind, id_ = _post(client, AGENT)
    sent = json.loads((DIRECTORY / AGENT).read_bytes())
    backup = client("GET", f"{kind}/{id_}").json
    assert _exactly(backup["backup_metadata"]) == _exactly(sent)
    assert list(backup["backup_metadata"]) == list(sent)


@pytest.mark.parametrize(
    "search",
    [
        *({"match": [{key: value}]} for key, value in json.loads((DIRECTORY / AGENT).read_bytes()).items()),
        {"match": [{"backup_metadata.hostname": "node1.example.org"}, {"ssh_port": 22}]},
        {"match": [{"_all": "documents"}]},
        {"match": [{"_all": "/srv/documents"}]},
        {"match": [{"_all": "node1 gzip rsa"}]},
        {"time_after": 1795581117, "time_before": "1795581117"},
        {"match_not": [{"storage": "swift"}, {"ssh_port": ""}, {"curr_backup_level": False}]},
    ],
    ids=json.dumps,
)
def test_backup_of_a_real_agent_is_found(client: Client, search: object) -> None:
    _post(client, "backup.json")
    _, id_ = _post(client, AGENT)
    assert id_ in [backup["backup_id"] for backup in client("GET", "backups", search).json["backups"]]


@pytest.mark.parametrize(
    "search",
    [
        {"match": [{"ssh_port": "22"}]},
        {"match": [{"ssh_port": ""}]},
        {"match": [{"always_level": 0}]},
        {"match": [{"dry_run": False}]},
        {"match": [{"hostname": "node1"}]},
        {"time_after": 1795581118},
        {"match_not": [{"engine_name": "tar"}]},
    ],
    ids=json.dumps,
)
def test_backup_of_a_real_agent_is_not_found_by_other_values(client: Client, search: object) -> None:
    _post(client, AGENT)
    assert client("GET", "backups", search).json["backups"] == []
