# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.service import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service in standalone mode with an empty store."""
    service = Service(tmp_path / "data", "--workers", "1")
    yield service.start()
    service.end()
