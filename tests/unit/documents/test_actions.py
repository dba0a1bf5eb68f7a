from typing import Any

import pytest

from freezer_api.documents import actions
from freezer_api.errors import Invalid

from .json_values import is_identical, nested, unchanged

DEFINITION = {"action": "backup", "mode": "fs", "path_to_backup": "/etc", "no_incremental": True, "unknown": [1.0]}


@pytest.mark.parametrize(
    ("body", "action"),
    [
        ({"freezer_action": DEFINITION}, {"freezer_action": DEFINITION}),
        ({"freezer_action": {}}, {"freezer_action": {}}),
        (DEFINITION, DEFINITION),
        ({"anything": 1}, {"anything": 1}),
        ({"freezer_action": None, **DEFINITION}, DEFINITION),
        ({"action_id": "a1", **DEFINITION}, {"action_id": "a1", **DEFINITION}),
        ({"action_id": "", **DEFINITION}, {"action_id": "", **DEFINITION}),
        ({"action_id": None, **DEFINITION}, DEFINITION),
        ({"user_id": "x", "project_id": 5, "_version": "y", **DEFINITION}, DEFINITION),
        ({"freezer_action": {"action": None, "mode": None, "backup_name": None, "container": None}},) * 2,
        (
            {
                "freezer_action": {
                    "action": "any-thing_1",
                    "restore_abs_path": "",
                    "hostname": False,
                    "max_level": "",
                }
            },
        )
        * 2,
        ({"mandatory": False, "max_retries": 2**63 - 1, "max_retries_interval": -1, **DEFINITION},) * 2,
        ({"freezer_action": {"deep": nested(60)}},) * 2,
    ],
)
def test_accepts(body: Any, action: Any) -> None:
    with unchanged(body):
        assert is_identical(actions.accepted(body), action)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "'freezer_action' is a required property"),
        (
            {"action_id": "a1", "max_retries": 1, "max_retry_interval": 2},
            "'freezer_action' is a required property",
        ),
        ({"freezer_action": None}, "'freezer_action' is a required property"),
        ({"freezer_action": "backup"}, "'backup' is not of type 'object' at freezer_action"),
        ({"freezer_action": [DEFINITION]}, "is not of type 'object' at freezer_action"),
        ({"freezer_action": {"action": "a b"}}, "'a b' is not valid"),
        ({"freezer_action": {"mode": ""}}, "'' is not valid"),
        ({"freezer_action": {"action": True}}, "true is not of type 'string', 'null' at freezer_action.action"),
        ({"freezer_action": {"container": 5}}, "5 is not of type 'string', 'null' at freezer_action.container"),
        ({"path_to_backup": ["/etc"]}, "[\"/etc\"] is not of type 'string', 'null' at path_to_backup"),
        ({"mode": "fs\n"}, r"'fs\n' is not valid"),
        ({"action_id": "a b", **DEFINITION}, "'a b' is not valid"),
        ({"action_id": 5, **DEFINITION}, "5 is not of type 'string', 'null' at action_id"),
        ({"mandatory": 1, **DEFINITION}, "1 is not of type 'boolean' at mandatory"),
        ({"mandatory": None, **DEFINITION}, "null is not of type 'boolean' at mandatory"),
        ({"max_retries": "3", **DEFINITION}, "'3' is not of type 'integer' at max_retries"),
        ({"max_retries": 2**63, **DEFINITION}, "9223372036854775808 is greater than the maximum of"),
        ({"max_retries_interval": True, **DEFINITION}, "true is not of type 'integer' at max_retries_interval"),
    ],
)
def test_refuses(body: Any, message: str) -> None:
    with pytest.raises(Invalid) as caught, unchanged(body):
        actions.accepted(body)
    assert message in str(caught.value)


def test_a_replacement_has_its_id_from_elsewhere() -> None:
    assert actions.replacement({"action_id": "not an id", **DEFINITION}) == DEFINITION
    with pytest.raises(Invalid):
        actions.replacement({"action_id": "a1"})


@pytest.mark.parametrize(
    ("body", "patch"),
    [
        ({}, {}),
        ({"max_retries": 5}, {"max_retries": 5}),
        ({"action_id": "not an id", "user_id": 5, "project_id": "x", "_version": 3}, {}),
        ({"freezer_action": {"mode": "nova"}}, {"freezer_action": {"mode": "nova"}}),
        ({"freezer_action": None, "mode": "nova"}, {"mode": "nova"}),
    ],
)
def test_a_patch(body: Any, patch: Any) -> None:
    with unchanged(body):
        assert actions.patch_of(body) == patch


@pytest.mark.parametrize("body", [{"freezer_action": 5}, {"mode": "a b"}, {"max_retries": 1.0}])
def test_a_patch_is_checked(body: Any) -> None:
    with pytest.raises(Invalid):
        actions.patch_of(body)


@pytest.mark.parametrize(
    "action",
    [
        {"freezer_action": DEFINITION, "action_id": "a1", "mode": "root", "max_retries": 3},
        {**DEFINITION, "action_id": "a1", "user_id": "u1", "project_id": "p1", "mandatory": True, "max_retries": 3}
        | {"max_retries_interval": 4, "max_retry_interval": 5, "_version": 1},
        {**DEFINITION, "freezer_action": None},
    ],
)
def test_the_definition_of_an_action_in_any_form(action: Any) -> None:
    assert actions.definition_of(action) == DEFINITION


def test_a_flat_definition_keeps_what_is_none_of_the_retries() -> None:
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
def test_same_definition(left: Any, right: Any, are_same: bool) -> None:
    with unchanged(left, right):
        assert actions.same_definition(left, right) is are_same
        assert actions.same_definition(right, left) is are_same


def test_a_library_entry_is_the_definition_and_the_retries() -> None:
    item = {"freezer_action": DEFINITION, "mandatory": False, "max_retries": 1, "max_retries_interval": 2}
    extra = {"max_retry_interval": 3, "action_id": "a1", "user_id": "u1", "exit_status": "0"}
    with unchanged(item, extra):
        assert actions.library_entry({**item, **extra}) == {**item, "max_retry_interval": 3}


@pytest.mark.parametrize("form", [{"freezer_action": DEFINITION}, DEFINITION])
def test_an_item_that_names_an_action_is_completed(form: Any) -> None:
    item = {"action_id": "a1", "max_retries": 1, "exit_status": "0"}
    action = {**form, "action_id": "a1", "user_id": "u1", "max_retries": 9, "mandatory": True}
    with unchanged(item, action):
        completed = actions.completed_item(item, action)
    assert completed == {**item, "mandatory": True, "freezer_action": DEFINITION}
