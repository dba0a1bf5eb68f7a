"""A pytest plugin: the Keystone of the run."""

import os
from collections.abc import Iterator

import pytest

from tests.servers.keystone import Keystone, Missing


@pytest.fixture(scope="session")
def keystone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keystone]:
    """A real Keystone, started at first use and shared by all tests. Where there can be none they are skipped,
    and fail under CI.
    """
    try:
        started = Keystone(tmp_path_factory.mktemp("keystone"))
    except Missing as missing:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(f"under CI Keystone may not be missing: {missing}", pytrace=False)
        pytest.skip(f"no Keystone: {missing}")
    try:
        yield started.start()
    finally:
        started.kill()
