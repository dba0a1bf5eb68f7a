# SPDX-License-Identifier: Apache-2.0
"""Strategies for JSON values, and a check that pure functions do not modify their inputs."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import strategies as st

from freezer_api.documents.merge import same

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
NUMBERS = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
KEYS = st.sampled_from(["a", "b", "c", "", "a.b"]) | TEXTS


def objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(KEYS, values, max_size=4)


VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | objects(inner), max_leaves=12)
OBJECTS = objects(VALUES)


def is_identical(left: Any, right: Any) -> bool:
    """Return whether two values are equal in value, type and order of keys: 1 is not 1.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(map(is_identical, left.values(), right.values()))
    if isinstance(left, list):
        return len(left) == len(right) and all(map(is_identical, left, right))
    return same(left, right) and str(left) == str(right)


@contextmanager
def unchanged(*inputs: Any) -> Iterator[None]:
    before = copy.deepcopy(inputs)
    yield
    assert all(map(is_identical, before, inputs))


def nested(levels: int, bottom: Any = 1) -> Any:
    """Return a value with this number of levels, alternately objects and lists."""
    value = bottom
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return value
