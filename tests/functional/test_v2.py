# SPDX-License-Identifier: Apache-2.0
"""v2 with policy files, and disabled versions."""

import json
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.repository.protocol import Repository
from tests.functional.client import Client
from tests.functional.conftest import Identity, app
from tests.functional.versions import V1, V2

ME, OTHER = "alice@library none", "/v2/archive"
ROUTES = (
    *(("GET", kind) for kind in ("backups", "clients", "jobs", "actions", "sessions")),
    *(("POST", kind) for kind in ("backups", "clients", "jobs", "actions", "sessions")),
    *(("DELETE", f"{kind}/x") for kind in ("backups", "clients", "jobs", "actions", "sessions")),
    *(("PATCH", f"{kind}/x") for kind in ("backups", "clients", "jobs", "actions", "sessions")),
)


@pytest.fixture
def configure(conf: cfg.ConfigOpts, tmp_path: Path) -> Path:
    """The policy file that the configuration selects."""
    path = tmp_path / "freezer-api.conf"
    path.write_text(f"[oslo_policy]\npolicy_file = {tmp_path / 'policy.yaml'}\n")
    conf(["--config-file", str(path)], project="freezer")
    return tmp_path / "policy.yaml"


@pytest.fixture
def version() -> object:
    return V2


@pytest.mark.usefixtures("repository")
def test_policy_file_with_open_rules_opens_no_other_project_fault_38(
    configure: Path, request: pytest.FixtureRequest
) -> None:
    rules = {
        f"{kind}:{what}": ""
        for kind in ("backups", "clients", "jobs", "actions", "sessions")
        for what in ("get_all", "create", "get", "update", "replace", "delete")
    }
    configure.write_text(json.dumps({**rules, "admin_or_owner": "is_admin:True or project_id:%(project_id)s"}))
    client: Client = request.getfixturevalue("client")
    for method, path in ROUTES:
        assert client(method, path, by=ME).status != 403
        assert client(method, f"{OTHER}/{path}", by=ME).status == 403
        assert client(method, f"{OTHER}/{path}", by="alice@library admin").status != 403


@pytest.mark.usefixtures("repository")
def test_rule_projects_any_gives_access_to_other_projects(configure: Path, request: pytest.FixtureRequest) -> None:
    configure.write_text(json.dumps({"projects:any": "role:auditor", "jobs:get_all": "role:auditor"}))
    client: Client = request.getfixturevalue("client")
    assert client("GET", f"{OTHER}/jobs", by="alice@library auditor").status == 200
    assert client("GET", f"{OTHER}/clients", by="alice@library auditor").status == 403
    assert client("GET", f"{OTHER}/jobs", by="alice@library admin").status == 403


@pytest.mark.usefixtures("repository")
def test_search_finds_only_process_ids_that_the_list_shows(
    configure: Path, request: pytest.FixtureRequest
) -> None:
    configure.write_text(json.dumps({"projects:any": "role:auditor", "jobs:get_all": "role:auditor"}))
    client: Client = request.getfixturevalue("client")
    for project in ("library", "archive"):
        scheduler = f"scheduler@{project} service,member"
        for client_id, is_central in ((f"of-{project}", True), ("own", False), (f"{project}-own", False)):
            body = {"client_id": client_id, "is_central": is_central}
            assert client("POST", "clients", body, by=scheduler).status == 201
    # The client is central in one project and ordinary in the other.
    assert client("POST", "clients", {"client_id": "both"}, by="member@archive member").status == 201
    body = {"client_id": "both", "is_central": True}
    assert client("POST", "clients", body, by="scheduler@library service,member").status == 201
    for project in ("library", "archive"):
        for client_id in ("of-library", "of-archive", "own", f"{project}-own", "both"):
            job = {"client_id": client_id, "job_actions": [], "job_schedule": {"current_pid": 7}}
            made = client("POST", f"jobs/{client_id}-in-{project}", job, by=f"member@{project} member")
            assert made.status == 201

    def seen(by: str, path: str, *searches: object) -> list[set[str]]:
        found = [
            client("GET", f"{path}?limit=100", {"match": [search]}, by=by).json["jobs"] for search in searches
        ]
        return [{job["job_id"] for job in jobs} for jobs in found]

    for by in ("alice@library auditor", "bob@archive auditor"):
        for path in ("/v2/library/jobs", "/v2/archive/jobs"):
            listed = client("GET", f"{path}?limit=100", by=by).json["jobs"]
            shown = {job["job_id"] for job in listed if "current_pid" in job["job_schedule"]}
            assert shown
            hidden = {job["job_id"] for job in listed} - shown
            assert hidden
            searches = ({"current_pid": 7}, {"_all": "7"}, {"_all": '[{"current_pid": 7}]'}, {"current_pid": None})
            assert seen(by, path, *searches) == [shown, shown, shown, hidden]
    assert seen("alice@library auditor", "/v2/archive/jobs", {"current_pid": 7}) == [{"of-library-in-archive"}]


@pytest.mark.usefixtures("repository")
def test_policy_file_can_override_the_rule_for_central_clients(
    configure: Path, request: pytest.FixtureRequest
) -> None:
    configure.write_text(json.dumps({"clients:create_central": "role:operator"}))
    client: Client = request.getfixturevalue("client")
    central = {"client_id": "all", "is_central": True}
    assert client("POST", "clients", central, by="alice@library operator").status == 403
    assert client("POST", "clients", central, by="alice@library admin").status == 403
    assert client("POST", "clients", central, by="alice@library member,operator").status == 201


class TestSwitchedOff:
    """A version that the configuration disables is 404."""

    def _client(self, conf: cfg.ConfigOpts, repository: Repository, identity: Identity, **options: bool) -> Client:
        for name, value in options.items():
            conf.set_override(name, value)
        return Client(app.build_standalone(conf, repository), V1, identity)

    def test_disabled_v1_is_404(self, conf: cfg.ConfigOpts, repository: Repository, identity: Identity) -> None:
        client = self._client(conf, repository, identity, enable_v1_api=False)
        assert [version["id"] for version in client("GET", "/", by=None).json["versions"]] == ["v2"]
        assert client("GET", "/v1").status == client("GET", "/v1/jobs").status == 404
        assert client("GET", "/v2/library/jobs").status == 200

    def test_disabled_v2_is_404(self, conf: cfg.ConfigOpts, repository: Repository, identity: Identity) -> None:
        client = self._client(conf, repository, identity, enable_v2_api=False)
        version = {"id": "1", "status": "CURRENT", "updated": "2015-03-23T13:45:00"}
        links = [{"href": "/v1/", "rel": "self"}]
        assert client("GET", "/", by=None).json == {"versions": [{**version, "links": links}]}
        assert client("GET", "/v2").status == client("GET", "/v2/library/jobs").status == 404
        assert client("GET", "/v1/jobs").status == 200
