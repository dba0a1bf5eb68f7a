"""How the command starts and stops, and what it says when it cannot."""

import socket
import sqlite3
import subprocess
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from tests.stores.faults.load import until
from tests.support.service import COMMAND, Service, sync

JOB = {"client_id": "c1", "job_actions": [{"freezer_action": {"action": "backup"}}]}


def refused(*arguments: str) -> str:
    """The one line that it says before it gives up."""
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done
    assert not done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("freezer-api: ")
    return line


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_what_was_answered_is_there_after_a_clean_stop(start_service) -> None:
    service: Service = start_service()
    _, body = service.request("POST", "/v1/jobs", JOB)
    assert service.stop() == 0
    service.start()
    assert service.request("GET", f"/v1/jobs/{body['job_id']}")[0] == 200


def test_ctrl_c_is_a_clean_stop(start_service) -> None:
    service: Service = start_service()
    _, body = service.request("POST", "/v1/jobs", JOB)
    assert service.interrupt() == 0
    service.start()
    assert service.request("GET", f"/v1/jobs/{body['job_id']}")[0] == 200


def test_two_services_on_one_store_see_each_others_writes(start_service) -> None:
    one, other = start_service(), start_service()
    for number in range(20):
        status, _ = one.request("POST", f"/v1/jobs/job-{number}", JOB)
        assert status == 201
        assert len(other.request("GET", "/v1/jobs?limit=100")[1]["jobs"]) == number + 1
        one, other = other, one


def test_it_says_where_it_listens_where_the_data_is_and_what_to_try(data: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--data-dir", str(data), "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout as stdout:
        listens, kept, tried = (stdout.readline() for _ in range(3))
        process.terminate()
        assert process.wait(30) == 0
    assert listens.startswith("Server listening on 127.0.0.1:")
    assert str(data) in kept
    assert tried.startswith("Try: curl http://127.0.0.1:")


def test_a_port_in_use(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = refused("--data-dir", str(data), "--port", port)
    assert told == f"freezer-api: cannot listen on 127.0.0.1:{port}: Address already in use"


def test_it_serves_though_nobody_can_be_told(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    words = (*COMMAND, "--data-dir", str(data), "--port", str(port))
    with open("/dev/full", "w") as full, subprocess.Popen(words, stdout=full, stderr=subprocess.PIPE) as process:
        try:
            until(lambda: process.poll() is not None or _answers(port), 30)
            assert process.poll() is None
        finally:
            process.terminate()
        (line,) = process.communicate(timeout=60)[1].splitlines()
        assert b" started: " in line
    assert process.returncode == 0


def _answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthcheck", timeout=10) as answer:
        return answer.read() == b"OK"
    return False


def test_a_data_directory_that_is_a_file(data: Path) -> None:
    data.write_text("")
    assert str(data) in refused("--data-dir", str(data), "--port", "0")


def test_a_data_directory_that_cannot_be_made() -> None:
    assert "/proc/no/such" in refused("--data-dir", "/proc/no/such", "--port", "0")


def test_a_data_file_that_is_none(data: Path) -> None:
    data.mkdir()
    (data / "freezer.sqlite").write_bytes(b"garbage " * 1000)
    assert "file is not a database" in refused("--data-dir", str(data), "--port", "0")


def test_a_store_of_a_newer_release(start_service, data: Path) -> None:
    start_service().stop()
    with sqlite3.connect(data / "freezer.sqlite") as connection:
        connection.execute("UPDATE freezer_schema_version SET version_num = '9999'")
    connection.close()
    assert "9999" in refused("--data-dir", str(data), "--port", "0")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_an_address_that_others_can_reach(data: Path, host: str) -> None:
    assert "loopback" in refused("--data-dir", str(data), "--port", "0", "--bind-host", host)


def _refused_in_production(*arguments: str) -> str:
    command = [word for word in COMMAND if word != "--standalone"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, ""), done
    return done.stderr.splitlines()[-1]


def test_production_without_a_paste_file(tmp_path: Path, data: Path) -> None:
    configuration = tmp_path / "freezer.conf"
    configuration.write_text("[paste_deploy]\nconfig_file = no-such.ini\n")
    line = _refused_in_production("--config-file", str(configuration), "--data-dir", str(data))
    assert line == "freezer-api: the paste file no-such.ini is not there; [paste_deploy] config_file names it"
    assert not data.exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_production_without_authtoken_at_an_address_that_others_can_reach(
    tmp_path: Path, data: Path, host: str
) -> None:
    configuration = tmp_path / "freezer.conf"
    paste = tmp_path / "paste.ini"
    paste.write_text("[app:main]\npaste.app_factory = freezer_api.service:freezer_app_factory\n")
    configuration.write_text(f"[DEFAULT]\nbind_host = {host}\n[paste_deploy]\nconfig_file = {paste}\n")
    line = _refused_in_production("--config-file", str(configuration), "--data-dir", str(data))
    assert line == (
        "freezer-api: there is no authtoken in the pipeline, so it listens on a loopback address only, "
        f"not on {host}"
    )


@pytest.mark.parametrize(
    ("text", "store"),
    [
        (
            "[database]\nconnection = mysql+pymysql://freezer:hunter2@127.0.0.1/f",
            "mysql://127.0.0.1/f",
        ),
        ("[elasticsearch]\nhosts = http://freezer:hunter2@127.0.0.1:9", "http://127.0.0.1:9, index freezer"),
        ("[database]\nconnection = sqlite:////no/such.sqlite", "/no/such.sqlite"),
    ],
)
def test_data_dir_beside_another_store_is_refused(tmp_path: Path, data: Path, text: str, store: str) -> None:
    configuration = tmp_path / "freezer.conf"
    configuration.write_text(f"{text}\n")
    line = refused("--data-dir", str(data), "--port", "0", "--config-file", str(configuration))
    assert line == (
        f"freezer-api: --data-dir names another store than the configuration, {store}: leave one of them out"
    )
    assert not data.exists()


def test_sqlite_file_before_db_sync_is_reported_with_the_command(start_service, tmp_path: Path) -> None:
    configuration = tmp_path / "freezer.conf"
    configuration.write_text(f"[database]\nconnection = sqlite:///{tmp_path}/new/freezer.sqlite\n")
    service: Service = start_service("logged", config=configuration)
    before = service.log.read_text()
    assert "If it is new, run 'freezer-manage db sync'" in before
    assert service.request("GET", "/v1/jobs")[0] == 503
    hint = "unable to open database file; if the store is new, run 'freezer-manage db sync'"
    assert hint in service.log.read_text().removeprefix(before)
    sync(configuration)
    assert service.request("GET", "/v1/jobs")[0] == 200


def test_a_configuration_file_that_is_not_there() -> None:
    assert "/no/such.conf" in refused("--config-file", "/no/such.conf")


def test_a_policy_file_that_is_broken(tmp_path: Path, data: Path) -> None:
    policy, configuration = tmp_path / "policy.yaml", tmp_path / "freezer.conf"
    policy.write_text("jobs:get_all: [[\n")
    configuration.write_text(f"[oslo_policy]\npolicy_file = {policy}\n")
    line = refused("--data-dir", str(data), "--port", "0", "--config-file", str(configuration))
    assert str(policy) in line
    assert "line 2" in line


def test_usage_errors_have_a_code_of_their_own() -> None:
    done = subprocess.run([*COMMAND, "--no-such"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "usage" in done.stderr
