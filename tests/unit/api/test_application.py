# SPDX-License-Identifier: Apache-2.0
"""Every route has a policy rule."""

import warnings
from dataclasses import replace

import pytest
from oslo_config import cfg

from freezer_api.api.application import Application
from freezer_api.api.list_limiter import ListLimiter
from freezer_api.api.page_positions import LocalMemory, PagePositions
from freezer_api.api.v1 import V1
from freezer_api.documents.limits import DEFAULTS
from freezer_api.policy.enforcer import Enforcement
from freezer_api.routes import Route

POSITIONS = PagePositions(LocalMemory())


class Resource:
    def get(self) -> None:
        raise AssertionError("never asked")


def test_route_without_a_rule_is_an_error() -> None:
    conf = cfg.ConfigOpts()
    conf([], project="freezer", default_config_files=[])
    application = Application({"jobs": Resource()}, Enforcement(conf), DEFAULTS, ListLimiter(None), POSITIONS, [])
    route = Route("/jobs", "GET", "jobs:no_such", "jobs", "get")
    with warnings.catch_warnings(), pytest.raises(LookupError, match="jobs:no_such of GET /jobs"):
        application.build([replace(V1, routes=(route,))])
