"""The package, installed by pip in a new environment: what an operator does next, works."""

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
    made = Environment(tmp_path_factory.mktemp(f"installed-{version}"), version)
    made.install(str(built.wheel))
    return made


def test_the_environment_is_sound(environment: Environment) -> None:
    assert environment.run("python", "-m", "pip", "check") == "No broken requirements found.\n"


def test_every_way_to_ask_gives_the_same_version(environment: Environment, built: Built) -> None:
    version = built.wheel.name.split("-")[1]
    for command in ("freezer-api", "freezer-manage"):
        assert environment.run(command, "--version").strip() == version
    imported = "import freezer_api; print(freezer_api.__version__, freezer_api.__file__)"
    said, file = environment.run("python", "-c", imported).split()
    assert said == version
    assert Path(file).is_relative_to(environment.directory)


def test_it_serves_both_versions_on_a_store_of_its_own(environment: Environment) -> None:
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
    made = environment.run("freezer-manage", "--config-file", str(config), "db", "sync")
    assert made.splitlines()[0] == "Creating or Updating backups is True"
    assert json.loads(environment.run("freezer-manage", "--config-file", str(config), "db", "show"))


def test_the_paste_file_is_where_openstack_ansible_links_to_and_is_found_there(environment: Environment) -> None:
    assert (environment.directory / "etc/freezer/freezer-paste.ini").is_file()
    check_it_has_a_paste_file(environment)


def test_the_generators_find_the_package(environment: Environment) -> None:
    options = environment.run("oslo-config-generator", "--namespace", "freezer-api")
    assert "#bind_port = 9090" in options
    rules = environment.run("oslopolicy-sample-generator", "--namespace", "freezer-api")
    assert '#"jobs:get": ' in rules


def test_the_wsgi_script_holds_the_application(environment: Environment) -> None:
    write_config(environment)
    script = environment.command("freezer-api-wsgi")
    read = f"import runpy; print(callable(runpy.run_path({script!r})['application']))"
    assert environment.run("python", "-c", read) == "True\n"


def test_the_archive_brings_the_same_files_and_nothing_is_left_behind(
    built: Built, version: str, tmp_path: Path
) -> None:
    environment = Environment(tmp_path, version)
    before = environment.files()
    brought = []
    for distribution in (built.wheel, built.archive):
        environment.install("--no-deps", str(distribution))
        # pbr's note of the commit is a builder's, not pip's.
        brought.append({file for file in environment.files() - before if not file.endswith("/pbr.json")})
        environment.run("python", "-m", "pip", "uninstall", "--quiet", "--yes", "freezer-api")
        assert environment.files() == before
    assert brought[0] == brought[1]
    assert "etc/freezer/freezer-paste.ini" in brought[0]


def test_an_installation_of_a_user_has_its_paste_file_too(built: Built, tmp_path: Path) -> None:
    own = UserInstallation(tmp_path, VERSIONS[-1])
    own.install(str(built.wheel))
    check_it_has_a_paste_file(own)
