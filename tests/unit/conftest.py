# SPDX-License-Identifier: Apache-2.0
"""Tests in this directory open no connection and start no process."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3  # noqa: F401 - it binds a socket when it is imported
from oslo_config import cfg

ReadConfig = Callable[..., cfg.ConfigOpts]

_FORBIDDEN = {
    *("socket.connect", "socket.bind", "socket.getaddrinfo"),
    *("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"),
}
_running: list[list[str]] = []
"""Contains the list of forbidden events of the current test; empty while no test of this directory runs."""


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if _running and event in _FORBIDDEN:
        _running[-1].append(f"{event} {arguments}")
        raise AssertionError(f"a unit test may not use {event}")


sys.addaudithook(_audit)


@pytest.fixture(autouse=True)
def _isolated() -> Iterator[None]:
    """Fail the test if it opens a connection or starts a process, even if the called code catches the error."""
    _running.append([])
    yield
    assert _running.pop() == []


@pytest.fixture
def read_config(tmp_path: Path) -> ReadConfig:
    """Return a function that writes ``freezer.conf`` and reads it, after ``register`` has registered options."""

    def _read(text: str, register: Callable[[cfg.ConfigOpts], None] = lambda _conf: None) -> cfg.ConfigOpts:
        file = tmp_path / "freezer.conf"
        file.write_text(text)
        conf = cfg.ConfigOpts()
        register(conf)
        conf(["--config-file", str(file)], project="freezer", default_config_dirs=[])
        return conf

    return _read
