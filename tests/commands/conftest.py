# SPDX-License-Identifier: Apache-2.0
"""Call ``freezer-manage`` in this process, and undo its changes to the process."""

import logging
import os
import pty
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.cmd.manage import main
from tests.commands.command import NO_HOME, Done, configured
from tests.stores.elasticsearch.place import Place, opened
from tests.support.search.shared import SearchServers

Manage = Callable[..., Done]

_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)


@pytest.fixture
def manage(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Manage]:
    """Run the command. stdin is not a terminal, and no configuration but that in the arguments is found."""
    root, before = logging.getLogger(), {number: signal.getsignal(number) for number in _SIGNALS}
    handlers, level = list(root.handlers), root.level
    levels = {name: logger.level for name, logger in _loggers().items()}

    def _manage(*arguments: str) -> Done:
        capsys.readouterr()
        cfg.CONF.reset()
        # Change HOME only during the command, because the test servers have a cache in the home directory.
        with monkeypatch.context() as patch:
            patch.setenv("HOME", NO_HOME)
            try:
                code = main(arguments)
            except SystemExit as error:
                code = int(str(error.code or 0))
        printed = capsys.readouterr()
        return Done(code, printed.out, printed.err)

    yield _manage
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, logger in _loggers().items():
        logger.setLevel(levels.get(name, logging.NOTSET))
    for number, handler in before.items():
        signal.signal(number, handler)
    cfg.CONF.reset()


def _loggers() -> dict[str, logging.Logger]:
    known = logging.Logger.manager.loggerDict
    return {name: logger for name, logger in known.items() if isinstance(logger, logging.Logger)}


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], int]]:
    """Return a function that replaces stdin by a terminal with this input."""
    ours, theirs = pty.openpty()
    terminal = os.fdopen(theirs)
    monkeypatch.setattr("sys.stdin", terminal)
    yield lambda text: os.write(ours, text.encode())
    terminal.close()
    os.close(ours)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The path of a SQLite store that does not exist."""
    return tmp_path / "data" / "freezer.sqlite"


@pytest.fixture
def config(tmp_path: Path, file: Path) -> tuple[str, ...]:
    """The arguments for a configuration with this store."""
    return configured(tmp_path / "freezer.conf", f"[database]\nconnection = sqlite:///{file}\n")


@pytest.fixture
def made(config: tuple[str, ...], manage: Manage) -> tuple[str, ...]:
    """The arguments for a configuration with this store, which ``db sync`` has created."""
    assert manage(*config, "db", "sync").code == 0
    return config


@pytest.fixture
def place(search_servers: SearchServers) -> Iterator[Place]:
    """A prefix of indices on a server, where no index exists yet."""
    yield from opened(search_servers, "elasticsearch", "9")
