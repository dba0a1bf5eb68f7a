# SPDX-License-Identifier: Apache-2.0
"""A document's search index as two texts of parts between separators.

A database finds a whole part by searching for it with its separators. These are control characters; control
characters in the contents are escaped.

``entries``: ``US name RS type GS value US name RS ... US``, a member being ``US GS id US``;
``texts``: ``US word US word US RS value RS value RS``.
"""

from collections.abc import Iterable

import orjson

from freezer_api.documents.search_index import PRESENT, SearchIndex, Value

_GROUP, _RECORD = "\x1d", "\x1e"

UNIT = "\x1f"
"""The separator before and after every entry and word."""

_MARKS = {"string": "s", "number": "n", "boolean": "b", "null": "0", "present": "p"}
_WORD = "w"
_ESCAPE = "\x1a"

BACKSLASH = f"{_ESCAPE}!"
"""Replaces a backslash where SQLite splits a text."""
_ESCAPES = {code: f"{_ESCAPE}{chr(code + 0x40)}" for code in range(0x20)} | {
    # Documents contain no lone surrogates, but queries may: they become characters that no part contains.
    code: f"{_ESCAPE}{chr(code + 0x800)}"
    for code in range(0xD800, 0xE000)
}


def _escaped(text: str) -> str:
    return text if text.isprintable() else text.translate(_ESCAPES)


def _part(name: str, mark: str, text: str) -> str:
    return f"{_escaped(name)}{_RECORD}{mark}{_GROUP}{_escaped(text)}"


def _member_part(key: str) -> str:
    return f"{_GROUP}{_escaped(key)}"


def entries(index: SearchIndex) -> str:
    """Return the text of the values that are found by name."""
    parts = [_part(name, _MARKS[value.type], value.text) for name, value in index.entries]
    parts += [_part(path, _WORD, word) for path, word in index.described]
    parts += map(_member_part, index.members)
    return _framed(UNIT, parts)


def texts(index: SearchIndex) -> str:
    """Return the text of the words and values that are found anywhere in the document."""
    return _framed(UNIT, index.words) + _framed(_RECORD, map(_escaped, index.values))


def _framed(separator: str, parts: Iterable[str]) -> str:
    return separator.join(("", *parts, ""))


def entry(name: str, value: Value) -> str | None:
    """Return the part of ``entries`` for the value at the name, None if nothing can be equal to it."""
    if value == PRESENT:
        return None
    return f"{UNIT}{_part(name, _MARKS[value.type], value.text)}{UNIT}"


def presence(name: str) -> str:
    """Return the beginning of the part of ``entries`` for any value at the name."""
    return f"{UNIT}{_escaped(name)}{_RECORD}"


def described_word(path: str, word: str) -> str:
    """Return the part of ``entries`` for a word in the text field at the path."""
    return f"{UNIT}{_part(path, _WORD, word)}{UNIT}"


def member(key: str) -> str:
    """Return the part of ``entries`` for a member."""
    return f"{UNIT}{_member_part(key)}{UNIT}"


def word(text: str) -> str:
    """Return the part of ``texts`` for a word."""
    return f"{UNIT}{_escaped(text)}{UNIT}"


def value(text: str) -> str:
    """Return the part of ``texts`` for a whole value."""
    return f"{_RECORD}{_escaped(text)}{_RECORD}"


def listed(parts: Iterable[str]) -> str:
    """Return entries or words as a JSON list, without their separators."""
    return orjson.dumps([part[1:-1] for part in parts]).decode()
