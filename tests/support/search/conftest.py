# SPDX-License-Identifier: Apache-2.0
"""Load the plugin when only these tests are run."""

import pytest

_PLUGIN = "tests.support.fixtures"


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.has_plugin(_PLUGIN):
        config.pluginmanager.import_plugin(_PLUGIN)
