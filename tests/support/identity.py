# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin: the Keystone that tests share."""

from collections.abc import Iterator

import pytest

from tests.support.keystone import Keystone, Missing
from tests.support.left_out import leave_out


@pytest.fixture(scope="session")
def keystone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keystone]:
    """A real Keystone, started at first use and shared by all tests."""
    try:
        started = Keystone(tmp_path_factory.mktemp("keystone"))
    except Missing as missing:
        leave_out(f"no Keystone: {missing}")
    try:
        yield started.start()
    finally:
        started.kill()
