# SPDX-License-Identifier: Apache-2.0
"""Merging and comparing JSON values."""

from typing import Any

from freezer_api.documents.fields import Document


def deep_merge(document: Document, patch: Document) -> Document:
    """Merge objects key by key at every depth; other values replace the old one.

    Keys keep their order, new ones come last.
    """
    merged = dict(document)
    for key, value in patch.items():
        old = merged.get(key)
        merged[key] = deep_merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def same(left: Any, right: Any) -> bool:
    """Return whether two JSON values are equal in type and value: 1 equals 1.0, true does not equal 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)
