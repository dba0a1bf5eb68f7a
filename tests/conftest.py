"""What every test may ask for: servers that are not ours, started once per run; and time for generated cases."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A run in the background ignores Ctrl-C, and so would the commands that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.support.fixtures", "tests.support.identity"]

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """The commands restrict it for their process, which is that of the tests where these call them."""
    before = os.umask(0o022)
    yield
    os.umask(before)
