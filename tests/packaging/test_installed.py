# SPDX-License-Identifier: Apache-2.0
"""The package works after pip installed it in a new environment."""

import json
from pathlib import Path

import pytest

from tests.packaging.built import Built
from tests.packaging.environment import (
    Environment,
    UserInstallation,
    check_it_has_a_paste_file,
    running,
    write_config,
)
from tests.packaging.interpreters import VERSIONS

pytestmark = pytest.mark.slow

ACTION = {
    "freezer_action": {"action": "backup", "path_to_backup": "/etc", "backup_name": "etc", "container": "/b"}
}


@pytest.fixture(scope="module", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    version: str = request.param
    return version


@pytest.fixture(scope="module")
def environment(version: str, built: Built, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    environment = Environment(tmp_path_factory.mktemp(f"installed-{version}"), version)
    environment.install(str(built.wheel))
    return environment


def test_requirements_are_installed(environment: Environment) -> None:
    assert environment.run("python", "-m", "pip", "check") == "No broken requirements found.\n"


def test_commands_and_module_have_the_same_version(environment: Environment, built: Built) -> None:
    version = built.wheel.name.split("-")[1]
    for command in ("freezer-api", "freezer-manage"):
        assert environment.run(command, "--version").strip() == version
    imported = "import freezer_api; print(freezer_api.__version__, freezer_api.__file__)"
    shown, file = environment.run("python", "-c", imported).split()
    assert shown == version
    assert Path(file).is_relative_to(environment.directory)


def test_standalone_mode_serves_both_versions(environment: Environment) -> None:
    data = str(environment.home / "standalone")
    with running(environment, "--standalone", "--data-dir", data, "--port", "0") as service:
        client = {"client_id": "web1", "hostname": "web1.example.org"}
        assert service.request("POST", "/v1/clients", client) == (201, {"client_id": "web1"})
        body = {"job_id": "nightly", "client_id": "web1", "job_actions": [ACTION], "job_schedule": {}}
        assert service.request("POST", "/v2/demo/jobs", body)[0] == 201
        assert service.request("PATCH", "/v1/jobs/nightly", {"description": "Every night"})[0] == 200
        search = {"match": [{"description": "night"}]}
        status, found = service.request("GET", "/v2/demo/jobs", search)
        assert (status, [job["job_id"] for job in found["jobs"]]) == (200, ["nightly"])
        assert service.request("DELETE", "/v1/jobs/nightly")[0] == 204
        assert service.request("GET", "/v1/jobs") == (200, {"jobs": []})


def test_store_is_created_and_shown(environment: Environment) -> None:
    config = environment.home / "sqlite.conf"
    config.write_text(f"[database]\nconnection = sqlite:///{environment.home}/freezer.sqlite\n")
    synced = environment.run("freezer-manage", "--config-file", str(config), "db", "sync")
    assert synced.splitlines()[0] == "Creating or Updating backups is True"
    assert json.loads(environment.run("freezer-manage", "--config-file", str(config), "db", "show"))


def test_paste_file_is_in_the_environment_and_found(environment: Environment) -> None:
    assert (environment.directory / "etc/freezer/freezer-paste.ini").is_file()
    check_it_has_a_paste_file(environment)


def test_generators_find_the_package(environment: Environment) -> None:
    options = environment.run("oslo-config-generator", "--namespace", "freezer-api")
    assert "#bind_port = 9090" in options
    rules = environment.run("oslopolicy-sample-generator", "--namespace", "freezer-api")
    assert '#"jobs:get": ' in rules


def test_wsgi_script_has_the_application(environment: Environment) -> None:
    write_config(environment)
    script = environment.command("freezer-api-wsgi")
    read = f"import runpy; print(callable(runpy.run_path({script!r})['application']))"
    assert environment.run("python", "-c", read) == "True\n"


def test_archive_and_wheel_install_the_same_files(built: Built, version: str, tmp_path: Path) -> None:
    environment = Environment(tmp_path, version)
    before = environment.files()
    brought = []
    for distribution in (built.wheel, built.archive):
        environment.install("--no-deps", str(distribution))
        # pbr writes pbr.json only into wheels that a build frontend creates.
        brought.append({file for file in environment.files() - before if not file.endswith("/pbr.json")})
        environment.run("python", "-m", "pip", "uninstall", "--quiet", "--yes", "freezer-api")
        assert environment.files() == before
    assert brought[0] == brought[1]
    assert "etc/freezer/freezer-paste.ini" in brought[0]


def test_user_installation_has_a_paste_file(built: Built, tmp_path: Path) -> None:
    own = UserInstallation(tmp_path, VERSIONS[-1])
    own.install(str(built.wheel))
    check_it_has_a_paste_file(own)
