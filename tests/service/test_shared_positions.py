# SPDX-License-Identifier: Apache-2.0
"""Lists by offset whose pages are served by different processes, with memcached."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from freezer_api.api.page_positions import SharedMemory
from freezer_api.repository.query import Position
from tests.hosting.hosts import free_port, program
from tests.stores.faults.load import until
from tests.support.http_client import JOB
from tests.support.service import OPEN_PASTE, Production, sync

COMPLETED = {"job_schedule": {"status": "completed"}}
POLL = {"match_not": [{"status": "completed"}]}


class Memcached:
    """A memcached on a free port of this machine."""

    def __init__(self) -> None:
        self.port = free_port()
        command = [program("memcached"), "-l", "127.0.0.1", "-p", str(self.port), "-u", "nobody"]
        self.process = subprocess.Popen(command)
        until(self._accepts)

    def _accepts(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def memcached() -> Iterator[Memcached]:
    started = Memcached()
    yield started
    started.end()


@pytest.fixture
def services(tmp_path: Path, memcached: Memcached) -> Iterator[list[Production]]:
    """Two services on one store."""
    paste, config = tmp_path / "paste.ini", tmp_path / "freezer-api.conf"
    paste.write_text(OPEN_PASTE)
    config.write_text(
        f"[paste_deploy]\nconfig_file = {paste}\n"
        f"[keystone_authtoken]\nmemcached_servers = 127.0.0.1:{memcached.port}\n"
        f"[database]\nconnection = sqlite:///{tmp_path}/freezer.db\n"
    )
    sync(config)
    both = [Production(tmp_path / name, config=config) for name in ("one", "two")]
    yield [service.start() for service in both]
    for service in both:
        service.end()


def page(service: Production, offset: int) -> list[str]:
    status, body = service.request("GET", f"/v1/jobs?limit=10&offset={offset}", POLL)
    assert status == 200
    return [job["job_id"] for job in body["jobs"]]


def test_page_continues_one_of_another_process(services: list[Production], memcached: Memcached) -> None:
    one, two = services
    ids = [f"j{number}" for number in range(30)]
    for id_ in ids:
        assert one.request("POST", f"/v1/jobs/{id_}", JOB)[0] == 201
    assert page(one, 0) == ids[:10]
    assert one.request("PATCH", f"/v1/jobs/{ids[0]}", COMPLETED)[0] == 200
    assert page(two, 10) == ids[10:20]
    assert page(one, 20) == ids[20:]
    memcached.end()
    # Without memcached the offset counts the jobs that still match.
    assert page(two, 0) == ids[1:11]
    assert page(one, 10) == ids[11:21]


@pytest.fixture
def respond() -> Iterator[Callable[[bytes], str]]:
    """Return a function that starts a server with this response to every request, and returns its address."""
    listeners: list[socket.socket] = []

    def _start(response: bytes) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def _serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(4096)
                        connection.sendall(response)

        threading.Thread(target=_serve, daemon=True).start()
        return f"127.0.0.1:{listener.getsockname()[1]}"

    yield _start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


PLACE = "0" * 64


@pytest.mark.parametrize(
    "response",
    [
        b"VALUE x\r\n",
        b"VALUE freezer-page-%s 16 two\r\n" % PLACE.encode(),
        b"VALUE freezer-page-%s 16 2\r\n\xff\xff\r\nEND\r\n" % PLACE.encode(),
        b"VALUE freezer-page-%s 16 4\r\nAAAA\r\nEND\r\n" % PLACE.encode(),
        b"VALUE freezer-page-%s 2 1\r\n7\r\nEND\r\n" % PLACE.encode(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"END\r\n",
        b"",
    ],
)
def test_response_without_a_position_is_ignored(respond: Callable[[bytes], str], response: bytes) -> None:
    memory = SharedMemory([respond(response)])
    assert memory.get(PLACE) is None
    memory.set(PLACE, Position(1, 10, "j10"))
    memory._client.disconnect_all()
