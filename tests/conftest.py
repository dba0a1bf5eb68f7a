# SPDX-License-Identifier: Apache-2.0
"""Fixtures for every test (real servers, started once per run), and the number of cases of Hypothesis."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # If pytest runs in the background it ignores SIGINT, which the commands that tests interrupt would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# First, because other plugins import it, and pytest can rewrite only assertions of modules not yet imported.
pytest_plugins = [
    "tests.support.left_out",
    "tests.support.fixtures",
    "tests.support.identity",
    "tests.support.needs",
]

settings.register_profile("quick", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=25)
settings.register_profile("ci", settings.get_profile("quick"), max_examples=100)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "quick"))


@pytest.fixture(autouse=True)
def _umask() -> Iterator[None]:
    """Restore the umask, which commands restrict when a test calls them in its process."""
    before = os.umask(0o022)
    yield
    os.umask(before)
