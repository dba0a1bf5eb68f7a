# SPDX-License-Identifier: Apache-2.0
"""Starts and stops of ``freezer-api``, and its message when it cannot start."""

import socket
import sqlite3
import subprocess
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.stores.faults.load import until
from tests.support.service import COMMAND, OPEN_PASTE, PRODUCTION, Service, sync

JOB = {"client_id": "c1", "job_actions": [{"freezer_action": {"action": "backup"}}]}


def refused(*arguments: str, command: Sequence[str] = COMMAND) -> str:
    """Run the command, which has to exit with 1, and return the last line of its stderr."""
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (1, ""), done
    *others, line = done.stderr.splitlines()
    assert line.startswith("freezer-api: ")
    # In standalone mode the message is the only line.
    assert not others or command == PRODUCTION
    return line


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.mark.parametrize("stop", [Service.stop, Service.interrupt], ids=["sigterm", "ctrl-c"])
def test_clean_stop_keeps_acknowledged_jobs(start_service, stop: Callable[[Service], int]) -> None:
    service: Service = start_service()
    _, body = service.request("POST", "/v1/jobs", JOB)
    assert stop(service) == 0
    service.start()
    assert service.request("GET", f"/v1/jobs/{body['job_id']}")[0] == 200


def test_start_prints_address_data_directory_and_example(data: Path) -> None:
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


def test_port_in_use_is_refused(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as rival:
        port = str(rival.getsockname()[1])
        line = refused("--data-dir", str(data), "--port", port)
    assert line == f"freezer-api: cannot listen on 127.0.0.1:{port}: Address already in use"


def test_service_starts_if_stdout_cannot_be_written(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = (*COMMAND, "--data-dir", str(data), "--port", str(port))
    with open("/dev/full", "w") as full, subprocess.Popen(words, stdout=full, stderr=subprocess.PIPE) as process:
        try:
            until(lambda: process.poll() is not None or _answers(port))
            assert process.poll() is None
        finally:
            process.terminate()
        (line,) = process.communicate(timeout=300)[1].splitlines()
        assert b" started: " in line
    assert process.returncode == 0


def _answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthcheck", timeout=10) as answer:
        return answer.read() == b"OK"
    return False


def test_unusable_data_directory_is_refused(data: Path) -> None:
    assert "/proc/no/such" in refused("--data-dir", "/proc/no/such", "--port", "0")
    data.write_text("")
    assert str(data) in refused("--data-dir", str(data), "--port", "0")
    data.unlink()
    data.mkdir()
    (data / "freezer.sqlite").write_bytes(b"garbage " * 1000)
    assert "file is not a database" in refused("--data-dir", str(data), "--port", "0")


def test_store_of_a_newer_release_is_refused(start_service, data: Path) -> None:
    start_service().stop()
    with sqlite3.connect(data / "freezer.sqlite") as connection:
        connection.execute("UPDATE freezer_schema_version SET version_num = '9999'")
    connection.close()
    assert "9999" in refused("--data-dir", str(data), "--port", "0")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_standalone_at_a_public_address_is_refused(data: Path, host: str) -> None:
    assert "loopback" in refused("--data-dir", str(data), "--port", "0", "--bind-host", host)


def test_missing_paste_file_is_refused(tmp_path: Path, data: Path) -> None:
    configuration = tmp_path / "freezer.conf"
    configuration.write_text("[paste_deploy]\nconfig_file = no-such.ini\n")
    line = refused("--config-file", str(configuration), "--data-dir", str(data), command=PRODUCTION)
    assert line == "freezer-api: paste file no-such.ini not found; set [paste_deploy] config_file"
    assert not data.exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_public_address_without_authtoken_is_refused(tmp_path: Path, data: Path, host: str) -> None:
    configuration = tmp_path / "freezer.conf"
    paste = tmp_path / "paste.ini"
    paste.write_text(OPEN_PASTE)
    configuration.write_text(f"[DEFAULT]\nbind_host = {host}\n[paste_deploy]\nconfig_file = {paste}\n")
    line = refused("--config-file", str(configuration), "--data-dir", str(data), command=PRODUCTION)
    assert line == (
        "freezer-api: the paste pipeline has no authtoken filter, so bind_host must be a loopback "
        f"address, not {host}"
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
def test_data_dir_in_addition_to_another_store_is_refused(
    tmp_path: Path, data: Path, text: str, store: str
) -> None:
    configuration = tmp_path / "freezer.conf"
    configuration.write_text(f"{text}\n")
    line = refused("--data-dir", str(data), "--port", "0", "--config-file", str(configuration))
    assert line == (
        f"freezer-api: --data-dir names another store than the configuration, {store}: remove one of them"
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


def test_usage_error_has_exit_code_2() -> None:
    done = subprocess.run([*COMMAND, "--no-such"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    assert "usage" in done.stderr
