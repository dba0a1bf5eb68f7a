# SPDX-License-Identifier: Apache-2.0
"""Addresses of the listening socket."""

import socket

import pytest

from freezer_api.server import application


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_wildcard_address_accepts_ipv4_and_ipv6(address: str) -> None:
    with application.listen("::", 0) as listener:
        socket.create_connection((address, listener.getsockname()[1]), timeout=5).close()


def test_ipv6_loopback_does_not_accept_ipv4() -> None:
    with application.listen("::1", 0) as listener, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listener.getsockname()[1]), timeout=5)
