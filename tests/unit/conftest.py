"""Tests in this directory open no connection and start no process."""

import sys
from collections.abc import Iterator

import pytest

_FORBIDDEN = {
    *("socket.connect", "socket.bind", "socket.getaddrinfo"),
    *("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"),
}
_running: list[list[str]] = []
"""Has the forbidden events of the current test; empty outside of these tests."""


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if _running and event in _FORBIDDEN:
        _running[-1].append(f"{event} {arguments}")
        raise AssertionError(f"a unit test may not use {event}")


sys.addaudithook(_audit)


@pytest.fixture(autouse=True)
def _isolated() -> Iterator[None]:
    """Fail the test if it uses the network or a process, even if the code that it calls hides the error."""
    _running.append([])
    yield
    assert _running.pop() == []
