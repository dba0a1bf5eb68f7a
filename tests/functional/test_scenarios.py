# SPDX-License-Identifier: Apache-2.0
"""Run the scenarios of ``scenarios/`` with the service. ``notation.py`` describes their format."""

import pytest

from tests.functional.client import Client
from tests.functional.notation import Scenario, load
from tests.functional.versions import V1, V2

RUNS = [(version, scenario) for scenario in load() for version in (V1, V2) if scenario.is_for(version)]


@pytest.mark.parametrize(("version", "scenario"), RUNS, ids=str)
def test_responses_of_the_scenario_are_the_expected_ones(scenario: Scenario, client: Client) -> None:
    scenario.run(client)
