"""What every test may ask for: servers that are not ours, started once per run; and time for generated cases."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.servers.fixtures", "tests.servers.identity"]

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """The commands restrict it for their process, which is that of the tests where these call them."""
    before = os.umask(0o022)
    yield
    os.umask(before)
