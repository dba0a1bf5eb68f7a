# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
from hypothesis import given

from freezer_api.documents.merge import deep_merge, same

from .json_values import OBJECTS, VALUES, is_identical, nested, unchanged


@pytest.mark.parametrize(
    ("document", "patch", "merged"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"d": 2}}}, {"a": {"b": {"c": 1, "d": 2}}}),
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": 5}, {"a": 5}),
        ({"a": 5}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": [1, {"b": 2}]}, {"a": [{"c": 3}]}, {"a": [{"c": 3}]}),
        ({"a": [1]}, {"a": []}, {"a": []}),
    ],
)
def test_objects_are_merged_at_every_depth(document: Any, patch: Any, merged: Any) -> None:
    with unchanged(document, patch):
        assert is_identical(deep_merge(document, patch), merged)


def test_keys_keep_their_order_and_new_ones_come_last() -> None:
    assert list(deep_merge({"b": 1, "a": 2}, {"c": 3, "a": 4})) == ["b", "a", "c"]


@given(OBJECTS)
def test_empty_patch_changes_nothing(document: Any) -> None:
    assert is_identical(deep_merge(document, {}), document)
    assert is_identical(deep_merge({}, document), document)
    assert deep_merge(document, {}) is not document


@given(OBJECTS, OBJECTS)
def test_merging_twice_equals_merging_once(document: Any, patch: Any) -> None:
    with unchanged(document, patch):
        once = deep_merge(document, patch)
        assert is_identical(deep_merge(once, patch), once)


def holds(merged: Any, part: Any) -> bool:
    """Return whether an object has all keys and values of another one, at any depth."""
    if isinstance(merged, dict) and isinstance(part, dict):
        return all(key in merged and holds(merged[key], value) for key, value in part.items())
    return is_identical(merged, part)


@given(OBJECTS, OBJECTS)
def test_merged_document_has_patch_and_all_keys(document: Any, patch: Any) -> None:
    merged = deep_merge(document, patch)
    assert holds(merged, patch)
    assert merged.keys() == document.keys() | patch.keys()
    for key in document.keys() - patch.keys():
        assert is_identical(merged[key], document[key])


@pytest.mark.parametrize(
    ("left", "right", "are_same"),
    [
        (1, 1.0, True),
        (10**30, 10**30, True),
        (10**30, 1e30, False),
        (0, -0.0, True),
        (1, True, False),
        (1.0, True, False),
        (0, False, False),
        (True, True, True),
        ("1", 1, False),
        ("", False, False),
        ("", None, False),
        (None, None, True),
        ([], {}, False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ([1, [True]], [1.0, [1]], False),
        ({"a": 1, "b": 2}, {"b": 2.0, "a": 1}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": None}, {}, False),
        ({"a": None}, {"b": None}, False),
    ],
)
def test_values_are_compared_with_their_types(left: Any, right: Any, are_same: bool) -> None:
    assert same(left, right) is are_same
    assert same(right, left) is are_same


@given(VALUES)
def test_value_equals_itself(value: Any) -> None:
    assert same(value, value)


def test_deeply_nested_objects_are_merged() -> None:
    deep = {"a": nested(128)}
    assert same(deep_merge(deep, {"a": nested(128, 2)}), {"a": nested(128, 2)})
    assert not same(nested(128), nested(128, 2))
