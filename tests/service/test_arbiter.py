# SPDX-License-Identifier: Apache-2.0
"""Stops and reloads of gunicorn's arbiter, in this process and without worker processes."""

import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from freezer_api.errors import ConfigurationError
from freezer_api.server.application import Server, ServerConfig, listen
from freezer_api.server.arbiter import Arbiter, drop_new_handshakes

SYN_SENT = 2
"""The state of a connection (first byte of ``TCP_INFO``) whose first packet is not answered yet."""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with listen("127.0.0.1", 0) as made:
        yield made


def test_filter_drops_new_handshakes_and_keeps_established_connections(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()) as before, socket.socket() as late:
        drop_new_handshakes(listener)
        late.setblocking(False)
        late.connect_ex(listener.getsockname())
        assert late.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == SYN_SENT
        before.sendall(b"kept")
        with listener.accept()[0] as accepted:
            assert accepted.recv(4) == b"kept"


def config(closed: list[str], name: str) -> ServerConfig:
    return ServerConfig(lambda _environ, _start: [], lambda: closed.append(name))


@contextmanager
def server(listener: socket.socket, served: ServerConfig, build: Callable[[], ServerConfig]) -> Iterator[Server]:
    descriptor = os.dup(listener.fileno())
    yield Server(socket.socket(fileno=descriptor), served, build=build)
    os.close(descriptor)


def test_reload_replaces_the_application_and_closes_the_old_one(listener: socket.socket) -> None:
    closed: list[str] = []
    new = config(closed, "new")
    with server(listener, config(closed, "old"), lambda: new) as reloaded:
        assert reloaded.rebuild()
    assert reloaded.config is new
    assert closed == ["old"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConfigurationError("the reason"), "the reason"),
        (RuntimeError("the reason"), "the reason"),
        # oslo.config may raise SystemExit, which must not end the arbiter.
        (SystemExit(1), "a value is invalid, see stderr"),
    ],
)
def test_failed_reload_keeps_the_application(
    listener: socket.socket, caplog, error: BaseException, reason: str
) -> None:
    def build() -> ServerConfig:
        raise error

    closed: list[str] = []
    with server(listener, config(closed, "old"), build) as kept, caplog.at_level(logging.ERROR):
        assert not kept.rebuild()
    assert caplog.messages == [f"Reload failed, keeping the current configuration: {reason}"]
    assert (bool(caplog.records[0].exc_info), closed) == (isinstance(error, RuntimeError), [])


@pytest.mark.parametrize(
    ("sent", "queued"),
    [
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGINT, signal.SIGTERM),
        (signal.SIGQUIT, signal.SIGQUIT),
    ],
)
def test_stop_interrupts_a_reload_and_is_queued(
    listener: socket.socket, sent: signal.Signals, queued: signal.Signals
) -> None:
    def build() -> ServerConfig:
        arbiter.signal(sent, None)
        return served

    served = config([], "old")
    with server(listener, served, build) as app:
        arbiter = Arbiter(app)
        with pytest.raises(KeyboardInterrupt):
            arbiter.reload()
        assert arbiter.wait_for_signals(timeout=0) == [queued]


def test_stops_come_before_other_signals_one_by_one(listener: socket.socket) -> None:
    with server(listener, config([], "old"), lambda: config([], "new")) as app:
        arbiter = Arbiter(app)
        for sent in (signal.SIGHUP, signal.SIGHUP, signal.SIGINT, signal.SIGINT):
            arbiter.signal(sent, None)
        assert arbiter.wait_for_signals(timeout=0) == [signal.SIGINT]
        assert arbiter.wait_for_signals(timeout=0) == [signal.SIGINT]
        for sent in (signal.SIGHUP, signal.SIGCHLD, signal.SIGHUP):
            arbiter.signal(sent, None)
        assert arbiter.wait_for_signals(timeout=0) == [signal.SIGHUP, signal.SIGCHLD]
