"""Places and servers for the tests of this directory."""

from collections.abc import Callable, Iterator

import pytest

from tests.hosting.hosts import Host, Place


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    yield made
    made.remove()


@pytest.fixture
def started() -> Iterator[Callable[[Host], Host]]:
    """Starts a server, and ends it with the test."""
    running: list[Host] = []

    def start(host: Host) -> Host:
        running.append(host)
        return host.start()

    yield start
    for host in reversed(running):
        host.end()
