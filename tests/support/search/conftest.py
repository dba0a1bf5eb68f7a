# SPDX-License-Identifier: Apache-2.0
"""The plugin, for when these tests run alone."""

import pytest

_PLUGIN = "tests.support.fixtures"


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.has_plugin(_PLUGIN):
        config.pluginmanager.import_plugin(_PLUGIN)
