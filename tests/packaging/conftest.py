# SPDX-License-Identifier: Apache-2.0
"""Fixture for the source archive and the wheel."""

import pytest

from tests.packaging.built import Built, build, clone


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    directory = tmp_path_factory.mktemp("built")
    return build(clone(directory / "clone"), directory)
