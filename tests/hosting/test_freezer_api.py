# SPDX-License-Identifier: Apache-2.0
"""The command ``freezer-api``: stops and reloads while clients write, its options, and TLS."""

import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.hosting.certificates import make_certificates
from tests.hosting.load import Load
from tests.support.http_client import JOB, ask, read_all
from tests.support.service import OPEN_PASTE, PRODUCTION, Production


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "paste.ini").write_text(OPEN_PASTE)
    return write(tmp_path / "freezer-api.conf")


def write(file: Path, *lines: str) -> Path:
    """Write the configuration file with these additional lines."""
    file.write_text("\n".join(("[paste_deploy]", "config_file = paste.ini", *lines)))
    return file


@pytest.fixture
def service(tmp_path: Path, config: Path) -> Iterator[Production]:
    arguments = ("--config-file", str(config), "--workers", "2", "--threads", "4")
    made = Production(tmp_path / "data", *arguments)
    yield made
    made.end()


def jobs_of(service: Production) -> set[str]:
    """Return all ids in the store."""
    page: str | None = f"{service.url}/v1/jobs?limit=1000"
    found: set[str] = set()
    while page:
        listed = ask(page)
        found |= {job["job_id"] for job in listed.json()["jobs"]}
        page = listed.next_page
    return found


def error_lines(service: Production) -> list[str]:
    return [line for line in service.log.read_text().splitlines() if " ERROR " in line or "Traceback" in line]


@pytest.mark.parametrize(
    ("keep", "times"),
    [(True, 1), pytest.param(True, 4, marks=pytest.mark.slow), pytest.param(False, 4, marks=pytest.mark.slow)],
)
def test_sigterm_under_load_loses_no_request(service: Production, keep: bool, times: int) -> None:
    answered: set[str] = set()
    for _ in range(times):
        service.start()
        known = jobs_of(service)
        with Load(service.port, 16, keep=keep) as load:
            load.wait_for(100)
            assert service.stop() == 0
        service.start()
        stored = jobs_of(service) - known
        outcomes = load.outcomes
        assert not outcomes.lost
        # Every acknowledged job is stored. A request whose connection was closed was not performed.
        assert stored == set(outcomes.answered)
        assert service.stop() == 0
        (service.data_dir / "freezer.sqlite").unlink()
        answered |= set(outcomes.answered)
    assert len(answered) >= 100
    assert not error_lines(service)


@pytest.mark.slow
@pytest.mark.parametrize("keep", [True, False])
def test_sighup_under_load_loses_no_request(service: Production, keep: bool) -> None:
    service.start()
    with Load(service.port, 16, keep=keep) as load:
        for number in range(8):
            load.wait_for(50)
            service.process.send_signal(signal.SIGHUP)
            wait_until(lambda wanted=number + 1: reloads(service) == wanted)
        load.wait_for(50)
    assert not load.outcomes.lost
    assert jobs_of(service) == set(load.outcomes.answered)
    assert service.stop() == 0


def reloads(service: Production) -> int:
    return service.log.read_text().count("Configuration reloaded")


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def reload(service: Production) -> None:
    """Send SIGHUP and wait until the log has its result."""
    before = len(reload_results(service))
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(reload_results(service)) > before)


def reload_results(service: Production) -> list[str]:
    return re.findall(r"Configuration reloaded|Reload failed.*", service.log.read_text())


@pytest.mark.slow
def test_sighup_reads_configuration_paste_file_and_policy(
    service: Production, config: Path, tmp_path: Path
) -> None:
    service.start()
    assert ask(f"{service.url}/v1/jobs", "POST", JOB).status == 201
    too_large = JOB | {"description": "x" * 2000}
    assert ask(f"{service.url}/v1/jobs", "POST", too_large).status == 201

    (tmp_path / "policy.yaml").write_text('"jobs:get_all": "!"\n')
    (tmp_path / "paste.ini").write_text(
        "[composite:main]\npaste.composite_factory = freezer_api.service:root_app_factory\n/v1 = v1\n"
        "[app:v1]\npaste.app_factory = freezer_api.service:freezer_appv1_factory\n"
    )
    write(config, "[api]\nmax_body_size = 1024", "[oslo_policy]\npolicy_file = policy.yaml")
    reload(service)

    assert ask(f"{service.url}/v1/jobs", "POST", too_large).refusal()[0] == 413
    assert ask(f"{service.url}/v1/jobs").refusal()[0] == 403
    assert ask(f"{service.url}/v2").refusal()[0] == 404
    assert service.stop() == 0


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("[gunicorn]\nmax_requests_jitter = x", "[gunicorn] max_requests_jitter"),
        *(
            pytest.param(lines, reason, marks=pytest.mark.slow)
            for lines, reason in (
                ("[api]\nmax_body_size = many", "max_body_size"),
                ("config_file = none.ini", "none.ini"),
                ("[ssl]\ncert_file = /no/such.pem", "/no/such.pem"),
                ("[oslo_policy]\npolicy_file = broken.yaml", "broken.yaml"),
            )
        ),
    ],
)
def test_sighup_with_a_broken_file_changes_nothing(
    service: Production, config: Path, tmp_path: Path, lines: str, reason: str
) -> None:
    service.start()
    workers = workers_of(service)
    (tmp_path / "broken.yaml").write_text("jobs:get_all: [[\n")
    write(config, lines)
    reload(service)
    (line,) = error_lines(service)
    assert "Reload failed, keeping the current configuration: " in line
    assert reason in line
    assert ask(f"{service.url}/v1/jobs").status == 200
    assert children(service.process.pid) == workers

    # The worker that replaces a killed one has the same configuration.
    kill_one(service)
    assert ask(f"{service.url}/v1/jobs").status == 200

    write(config)
    reload(service)
    assert reloads(service) == 1
    assert service.stop() == 0


def children(pid: int) -> set[int]:
    return {int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def workers_of(service: Production) -> set[int]:
    """Return the process ids of the two workers, when both have started."""
    wait_until(lambda: len(children(service.process.pid)) == 2)
    return children(service.process.pid)


def kill_one(service: Production) -> None:
    workers = workers_of(service)
    killed = min(workers)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: len(children(service.process.pid) - {killed}) == len(workers))


@pytest.mark.slow
def test_service_can_be_stopped_right_after_the_start(service: Production) -> None:
    for _ in range(3):
        service.start()
        assert service.stop() == 0


class SlowRequest:
    """A request that runs until its last byte is sent."""

    def __init__(self, service: Production) -> None:
        body = json.dumps(JOB).encode()
        self._last = body[-1:]
        self._wire = socket.create_connection(("127.0.0.1", service.port), timeout=60)
        head = f"POST /v1/jobs/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        self._wire.sendall(head + body[:-1])

    def finish(self) -> bytes:
        self._wire.sendall(self._last)
        return read_all(self._wire)

    def close(self) -> None:
        self._wire.close()


def stopped_listening(service: Production) -> bool:
    with socket.socket() as wire:
        wire.settimeout(60)
        return wire.connect_ex(("127.0.0.1", service.port)) != 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "stops", [[signal.SIGTERM], [signal.SIGTERM, signal.SIGTERM], [signal.SIGINT]], ids=["term", "twice", "ctrl-c"]
)
def test_running_request_is_finished(service: Production, stops: list[signal.Signals]) -> None:
    service.start()
    slow = SlowRequest(service)
    for stop in stops:
        # Ctrl-C sends SIGINT to the workers, too.
        (os.killpg if stop == signal.SIGINT else os.kill)(service.process.pid, stop)
        wait_until(lambda: stopped_listening(service))
    assert slow.finish().startswith(b"HTTP/1.1 201 ")
    assert service._ended(60) == 0
    service.start()
    assert jobs_of(service) == {"slow"}


@pytest.mark.slow
def test_second_ctrl_c_does_not_wait_for_requests(service: Production) -> None:
    service.start()
    slow = SlowRequest(service)
    for _ in range(2):
        os.killpg(service.process.pid, signal.SIGINT)
        wait_until(lambda: stopped_listening(service))
    # The stop ends long before the timeout of the request.
    assert service._ended(20) == 0
    slow.close()


def test_sigterm_does_not_wait_for_queued_reloads(service: Production) -> None:
    service.start()
    for _ in range(20):
        service.process.send_signal(signal.SIGHUP)
        # A signal that is pending is not delivered twice.
        wait_until(lambda: not pending_signals(service))
    assert service.stop() == 0
    # Each reload takes about a second.
    assert reloads(service) <= 1
    assert not error_lines(service)


def pending_signals(service: Production) -> int:
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return sum(int(mask, 16) for mask in re.findall(r"(?:SigPnd|ShdPnd):\s+(\w+)", status))


@pytest.mark.slow
def test_stop_during_a_reload_does_not_wait_for_old_workers(service: Production) -> None:
    service.start()
    old = workers_of(service)
    slow = SlowRequest(service)
    service.process.send_signal(signal.SIGHUP)
    # The reload is now waiting for the worker with the slow request.
    wait_until(
        lambda: len(children(service.process.pid) - old) == 2 and len(children(service.process.pid) & old) == 1
    )
    service.process.terminate()
    wait_until(lambda: stopped_listening(service))
    assert slow.finish().startswith(b"HTTP/1.1 201 ")
    assert service._ended(60) == 0


@pytest.mark.slow
def test_stop_ends_a_hanging_reload(service: Production, config: Path, tmp_path: Path) -> None:
    service.start()
    pipe = tmp_path / "hangs.pem"
    os.mkfifo(pipe)
    write(config, f"[ssl]\ncert_file = {pipe}")
    service.process.send_signal(signal.SIGHUP)
    opened: list[int] = []

    def is_read() -> bool:
        # Opening the pipe for writing fails until the reload has opened it for reading.
        with suppress(OSError):
            opened.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        return bool(opened)

    wait_until(is_read)
    service.process.terminate()
    # The reload does not end without a signal.
    assert service._ended(20) == 0
    os.close(opened[0])


@pytest.mark.slow
@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_service_listens_on_the_configured_addresses(config: Path, tmp_path: Path, host: str) -> None:
    command = [*PRODUCTION, "--config-file", str(config), "--data-dir", str(tmp_path / "data")]
    process = subprocess.Popen(
        [*command, "--bind-host", host, "--bind-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as stdout:
        address = stdout.readline().removeprefix("Server listening on ").strip()
        try:
            with urllib.request.urlopen(f"http://{address}/healthcheck") as answer:
                assert answer.read() == b"OK"
        finally:
            process.terminate()
            assert process.wait(60) == 0
    assert address.startswith("[::1]:" if host == "::1" else ("127.0.0.1:", "[::1]:"))


@pytest.mark.slow
def test_options_of_the_group_gunicorn_take_effect(service: Production, config: Path, tmp_path: Path) -> None:
    write(
        config,
        "[gunicorn]",
        "keepalive = 0",
        f"pidfile = {tmp_path}/pid",
        f"accesslog = {tmp_path}/access.log",
        "access_log_format = %(m)s %(U)s %(s)s",
        "max_requests = 3",
        "raw_env = FREEZER_TRIED=1",
    )
    service.start()
    workers = workers_of(service)
    answers = [ask(f"{service.url}/v1/jobs") for _ in range(12)]
    assert {(answer.status, answer.headers["connection"]) for answer in answers} == {(200, "close")}
    assert (tmp_path / "pid").read_text().strip() == str(service.process.pid)
    wait_until(lambda: (tmp_path / "access.log").read_text().count("GET /v1/jobs 200\n") == 12)
    wait_until(lambda: len(children(service.process.pid) - workers) == 2)
    assert service.stop() == 0


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    make_certificates(tmp_path)
    return tmp_path


def trust(certificates: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificates / "ca.pem"))


def test_reload_replaces_the_certificate(service: Production, config: Path, certificates: Path) -> None:
    write(config, f"[ssl]\ncert_file = {certificates}/server.pem\nkey_file = {certificates}/server.key")
    service.start()
    url = f"https://127.0.0.1:{service.port}"
    before = trust(certificates)
    answer = ask(f"{url}/", context=before)
    assert answer.json()["versions"][0]["links"][0]["href"] == f"{url}/v2/"
    assert ask(f"{url}/v1/jobs", "POST", JOB, context=before).status == 201
    # A request without TLS gets no response and does not affect other requests.
    with pytest.raises(ConnectionError):
        ask(f"http://127.0.0.1:{service.port}/")
    make_certificates(certificates)
    reload(service)
    assert ask(f"{url}/v1/jobs", context=trust(certificates)).status == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(f"{url}/v1/jobs", context=before)
    assert service.stop() == 0
    assert "Traceback" not in service.log.read_text()


@pytest.mark.slow
def test_ca_file_requires_certificates_of_clients(service: Production, config: Path, certificates: Path) -> None:
    write(
        config,
        f"[ssl]\ncert_file = {certificates}/server.pem\nkey_file = {certificates}/server.key",
        f"ca_file = {certificates}/ca.pem\nciphers = ECDHE+AESGCM",
    )
    service.start()
    url = f"https://127.0.0.1:{service.port}/v1/jobs"
    context = trust(certificates)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask(url, context=context)
    context.load_cert_chain(certificates / "client.pem", certificates / "client.key")
    assert ask(url, context=context).status == 200
    assert service.stop() == 0
