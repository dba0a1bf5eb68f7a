# SPDX-License-Identifier: Apache-2.0
"""Fixtures: directories and servers for the tests of hosting."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.hosting.hosts import Host, Place


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    yield made
    made.remove()


@pytest.fixture
def started() -> Iterator[Callable[[Host], Host]]:
    """Start servers, and end them with the test."""
    with ExitStack() as stack:

        def start(host: Host) -> Host:
            stack.callback(host.end)
            return host.start()

        yield start
