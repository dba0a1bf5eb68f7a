# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from freezer_api.documents import actions

from .json_values import unchanged

DEFINITION = {"action": "backup", "mode": "fs", "path_to_backup": "/etc", "no_incremental": True, "unknown": [1.0]}


@pytest.mark.parametrize(
    "action",
    [
        {"freezer_action": DEFINITION, "action_id": "a1", "mode": "root", "max_retries": 3},
        {**DEFINITION, "action_id": "a1", "user_id": "u1", "project_id": "p1", "mandatory": True, "max_retries": 3}
        | {"max_retries_interval": 4, "max_retry_interval": 5, "_version": 1},
        {**DEFINITION, "freezer_action": None},
    ],
)
def test_definition_is_found_in_nested_and_flat_actions(action: Any) -> None:
    assert actions.definition_of(action) == DEFINITION


def test_definition_of_a_flat_action_excludes_mandatory_and_retries() -> None:
    assert actions.definition_of({"max_level": 3, "max_priority": True}) == {"max_level": 3, "max_priority": True}


@pytest.mark.parametrize(
    ("left", "right", "are_same"),
    [
        ({}, {}, True),
        ({"a": None, "b": "", "c": False}, {}, True),
        ({"a": None}, {"a": False}, True),
        ({"_version": 3, "user_id": "u1"}, {}, True),
        ({"a": 0}, {}, False),
        ({"a": 0}, {"a": False}, False),
        ({"a": []}, {}, False),
        ({"a": {"b": None}}, {"a": {}}, False),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": "b c"}, {"a": "b_c"}, False),
        ({"action_id": "a"}, {}, False),
    ],
)
def test_definitions_are_compared_without_blank_values_and_owners(left: Any, right: Any, are_same: bool) -> None:
    with unchanged(left, right):
        assert actions.same_definition(left, right) is are_same
        assert actions.same_definition(right, left) is are_same


def test_stored_action_has_definition_and_retries_of_the_job_action() -> None:
    item = {"freezer_action": DEFINITION, "mandatory": False, "max_retries": 1, "max_retries_interval": 2}
    extra = {"max_retry_interval": 3, "action_id": "a1", "user_id": "u1", "exit_status": "0"}
    with unchanged(item, extra):
        assert actions.library_entry({**item, **extra}) == {**item, "max_retry_interval": 3}


@pytest.mark.parametrize("form", [{"freezer_action": DEFINITION}, DEFINITION])
def test_job_action_with_only_an_id_gets_the_stored_definition(form: Any) -> None:
    item = {"action_id": "a1", "max_retries": 1, "exit_status": "0"}
    action = {**form, "action_id": "a1", "user_id": "u1", "max_retries": 9, "mandatory": True}
    with unchanged(item, action):
        completed = actions.completed_item(item, action)
    assert completed == {**item, "mandatory": True, "freezer_action": DEFINITION}
