# SPDX-License-Identifier: Apache-2.0
"""Texts that a store can hold: Unicode without lone surrogates. A query may contain any text."""


def is_text(text: str) -> bool:
    """Return whether a store can hold the text."""
    return text.isascii() or nearest_text(text) == text


def nearest_text(text: str) -> str:
    """Return the text with each lone surrogate replaced by a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
