"""The address that the service listens on."""

import socket

import pytest

from freezer_api.server import application


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_all_addresses_are_those_of_both_families(address: str) -> None:
    """As the original had it, and as the system does unless it is told otherwise."""
    with application.listen("::", 0) as listener:
        socket.create_connection((address, listener.getsockname()[1]), timeout=5).close()


def test_an_address_is_that_one_alone() -> None:
    with application.listen("::1", 0) as listener, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listener.getsockname()[1]), timeout=5)
