# SPDX-License-Identifier: Apache-2.0
"""The database servers of one pytest run: started for the first test that needs them, killed at the end."""

from pathlib import Path
from typing import Final

import pytest

from tests.support.left_out import leave_out
from tests.support.sql import Failed, Missing
from tests.support.sql.server import SERVERS, SQLServer


class SQLServers:
    """Starts servers for tests. If a server is not installed, the test is skipped; with ``CI=true`` it fails."""

    def __init__(self) -> None:
        self._temporary: pytest.TempPathFactory | None = None
        self._shared: dict[str, SQLServer] = {}
        self._failed: dict[str, Failed] = {}
        self._made: list[SQLServer] = []
        self._log_sizes: dict[Path, int] = {}
        self._databases = 0
        self.left_out: dict[str, str] = {}

    def open(self, temporary: pytest.TempPathFactory) -> None:
        """Set the directory for data and logs."""
        self._temporary = temporary

    def server(self, name: str) -> SQLServer:
        """Return the server that all tests share. A test must not stop or damage it."""
        if name in self._failed:
            raise self._failed[name]
        if name not in self._shared:
            try:
                self._shared[name] = self.own(name, quick=True).start()
            except Failed as error:
                self._failed[name] = error
                raise
        if not self._shared[name].alive:
            raise Failed(f"the shared {name} has ended:\n{self._shared[name].logged()}")
        return self._shared[name]

    def database(self, name: str) -> str:
        """Create an empty database on the server that all tests share, and return its URL."""
        self._databases += 1
        return self.server(name).create_database(f"freezer{self._databases}")

    def own(self, name: str, *options: str, quick: bool = False) -> SQLServer:
        """Return a server for one test, which may stop or damage it. ``with`` starts and ends the server."""
        assert self._temporary is not None, "the plugin tests.support.fixtures is not loaded"
        try:
            if name in self.left_out:
                raise Missing(self.left_out[name])
            server = SERVERS[name](self._temporary.mktemp(f"{name}-"), *options, quick=quick)
        except Missing as missing:
            self.left_out[name] = str(missing)
            leave_out(f"{name}: {missing}")
        self._made.append(server)
        return server

    def close(self) -> None:
        """Kill all servers and remove their data."""
        for server in self._made:
            server.end()
        self._made.clear()
        self._shared.clear()

    def remember_logs(self) -> None:
        """Remember the sizes of the logs at the start of a test."""
        self._log_sizes = {server.log: _size(server.log) for server in self._made}

    def logged(self) -> list[tuple[str, str]]:
        """Return what the servers have logged since the test began: title and text."""
        logs = [(server, server.logged(self._log_sizes.get(server.log, 0))) for server in self._made]
        return [(f"log of {server.name} {server.log}", text) for server, text in logs if text]


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


SHARED: Final = SQLServers()
