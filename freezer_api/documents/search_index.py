# SPDX-License-Identifier: Apache-2.0
"""The search index of a document, computed here so that searches find the same on every store.

An *entry* is a name and a scalar. The name is the dotted path from the root, without positions in lists. A key
without a definition has the additional name ``free_name(key)``, unless the same key exists at a shallower level. A
*word* is a run of letters and digits of any value, ignoring case. Neither contains values of keys whose names look
like secrets. The lengths of names and values are limited to what every engine supports.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import orjson

from freezer_api.documents.fields import LONG_MAX, LONG_MIN, Document, Field, Index
from freezer_api.documents.kind import FREE, Kind, free_name

MAX_VALUE_LENGTH = 1024
"""Characters of a value; a longer value is found by its words only."""

MAX_NAME_LENGTH = 1024
"""Characters of a path; a value at a longer one is found by its leaf name, or if that is longer, by its words."""

MAX_VALUES = 10_000
"""The default number of searchable values of a document."""

MAX_TEXT = 1024 * 1024
"""Total characters of the searchable values of a document."""

MAX_SIZE = 2 * 1024 * 1024 - 64 * 1024
"""Bytes of a document's index in the store where it is largest. That store adds less than the rest of 2 MiB."""

_OVERHEAD = 12
"""Bytes that an item of the index takes in addition to its texts."""

_MAX_SMALL_BYTES = 8 * 1024
_MAX_SMALL_VALUES = 128
"""Bytes and values of a document whose index is within all limits, so that they need not be checked.

The bytes of a text, a path or a free key are at most those of the document as JSON, and values, paths and keys are
counted once for each value; case folding multiplies them by at most 6, and each word of a description has a path:
128 * 8 KiB + 60 * 8 KiB is less than ``MAX_SIZE``.
"""

_MAX_CACHED_KEY = 64
"""Characters of a key."""

REVISION = 2
"""The version of this algorithm. Increment it when a change of the code results in a different index."""

Scalar = str | int | float | bool | None

_SECRET = re.compile(r"password|passphrase|secret|token|private_key|access_key", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_DIGITS = re.compile(r"[0-9]+")


class Value(NamedTuple):
    """A scalar for comparisons: two are equal if type and value are (1 equals 1.0, but not true)."""

    type: str
    text: str


NULL = Value("null", "")
PRESENT = Value("present", "")
"""A value that exists but equals no searched value: an object, an empty list, or a value that is too long."""


class Entry(NamedTuple):
    """A name and a value at it."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class SearchIndex:
    """The search index of one document.

    ``values``: whole values as text. ``described``: the words of ``TEXT`` and ``ASIDE`` fields, with their path.
    ``members``: the ids of a session's jobs.
    """

    entries: frozenset[Entry]
    values: frozenset[str]
    words: frozenset[str]
    described: frozenset[tuple[str, str]]
    members: frozenset[str]


def words_of(text: str) -> list[str]:
    """Return the words of a text in order, case-folded; words that are too long are replaced by a digest."""
    return [_kept(word.casefold()) for word in _WORD.findall(text)]


def _kept(word: str) -> str:
    return word if len(word) <= MAX_VALUE_LENGTH else hashlib.sha256(word.encode()).hexdigest()


def as_value(scalar: Scalar, field: Field | None = None) -> Value:
    """Return the comparable form of a scalar at ``field``; ``PRESENT`` if it is too long to be compared."""
    if scalar is None:
        return NULL
    if isinstance(scalar, bool):
        return Value("boolean", "true" if scalar else "false")
    if isinstance(scalar, str):
        if field is not None and field.index is Index.EPOCH and is_digits(scalar):
            return _bounded("number", scalar.lstrip("0") or "0")
        return _bounded("string", scalar)
    if isinstance(scalar, float) and not scalar.is_integer():
        return Value("number", repr(scalar))
    return _bounded("number", str(int(scalar)))


def _bounded(type_: str, text: str) -> Value:
    return Value(type_, text) if len(text) <= MAX_VALUE_LENGTH else PRESENT


def is_digits(text: str) -> bool:
    """Return whether the text consists of ASCII digits."""
    return _DIGITS.fullmatch(text) is not None


def as_epoch(scalar: Any) -> int | None:
    """Return the integer value of a ``LONG`` or ``EPOCH`` field; None if it is not an integer of 64 bits."""
    if isinstance(scalar, bool):
        return None
    if isinstance(scalar, str):
        digits = scalar.lstrip("0")
        if not is_digits(scalar) or len(digits) > len(str(LONG_MAX)):
            return None
        scalar = int(digits or "0")
    if isinstance(scalar, float) and scalar.is_integer():
        scalar = int(scalar)
    return scalar if isinstance(scalar, int) and LONG_MIN <= scalar <= LONG_MAX else None


def is_secret(key: str) -> bool:
    """Return whether a key names a secret, which is not indexed."""
    return _is_secret(key) if len(key) <= _MAX_CACHED_KEY else _SECRET.search(key) is not None


@lru_cache(maxsize=4096)
def _is_secret(key: str) -> bool:
    return _SECRET.search(key) is not None


def value_at(document: Document, path: str) -> Any:
    """Return the value at a path of objects, or None."""
    value: Any = document
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def search_index(kind: Kind, document: Document, max_values: int = MAX_VALUES) -> SearchIndex:
    """Return the search index of the document.

    The index has the first ``max_values`` values that fit into ``MAX_TEXT`` and ``MAX_SIZE``, and the first words
    of a long text. Defined fields come before free keys, lists of objects last. Members, and the root properties
    that the service sets, are always included.
    """
    is_small = max_values >= _MAX_SMALL_VALUES and _is_small(document)
    builder = (_SmallBuilder if is_small else _Builder)(kind, max_values)
    builder.add_object(document, "", 0)
    return builder.build()


class _Builder:
    def __init__(self, kind: Kind, max_values: int) -> None:
        self._paths = kind.paths
        self._shown = kind.shown_names
        self._values_left = max_values
        self._text_left = MAX_TEXT
        self._size_left = MAX_SIZE
        self._is_full = False
        self._is_own = False
        """Whether the current values are set by the service and therefore always included."""
        self._entries: set[Entry] = set()
        self._texts: list[str] = []
        self._described: set[tuple[str, str]] = set()
        self._members: set[str] = set()
        self._free: dict[str, tuple[int, set[Value]]] = {}

    def build(self) -> SearchIndex:
        for key, (_, values) in self._free.items():
            self._entries.update(Entry(free_name(key), value) for value in values)
        return SearchIndex(
            entries=frozenset(self._entries),
            values=frozenset(text for text in self._texts if len(text) <= MAX_VALUE_LENGTH),
            words=frozenset(words_of(" ".join(self._texts))),
            described=frozenset(self._described),
            members=frozenset(self._members),
        )

    def add_object(self, document: Document, prefix: str | None, depth: int, *, is_hidden: bool = False) -> None:
        """Add the values of an object. Without ``prefix`` the object has no path in the index.

        Of a hidden object only defined properties are indexed, because a version cannot hide others from searches.
        """
        own, defined, others = [], [], []
        for key, value in document.items():
            path = _path(prefix, key)
            field = self._paths.get(path or "")
            if is_secret(key) or (is_hidden if field is None else field.index is Index.OFF):
                continue
            is_free = (
                key not in self._shown and (field is None or not field.hidden) and len(key) <= MAX_NAME_LENGTH
            )
            part = (value, path, key if is_free else None, field, depth)
            if field is None or field.many:
                others.append(part)
            elif field.server and not depth:
                own.append(part)
            else:
                defined.append(part)
        if own:
            self._is_own = True
            for part in own:
                self._add(*part)
            self._is_own = False
        for part in (*defined, *others):
            self._add(*part)

    def _add(self, value: Any, path: str | None, free: str | None, field: Field | None, depth: int) -> None:
        if field is not None and field.index is Index.MEMBERS:
            self._add_members(value, path or "")
        elif self._is_full and not self._is_own:
            return
        elif isinstance(value, dict):
            self._add_entry(PRESENT, path, free, depth)
            self.add_object(value, path and path + ".", depth + 1, is_hidden=_is_hidden(field))
        elif isinstance(value, list) and value:
            for item in value:
                self._add(item, path, free, field, depth)
        elif self._count_value():
            self._add_entry(PRESENT if isinstance(value, list) else as_value(value, field), path, free, depth)
            self._add_text(None if isinstance(value, list) else value, field, path)

    def _count_value(self) -> bool:
        """Count a value. Return whether it is within the limit of searchable values."""
        if not self._is_own:
            self._values_left -= 1
            self._is_full = self._is_full or self._values_left < 0
        return self._is_own or not self._is_full

    def _fits(self, *texts: str) -> bool:
        """Add the size of these texts to the index. Return whether they fit into it."""
        self._size_left -= sum(map(_length, texts)) + _OVERHEAD
        self._is_full = self._is_full or self._size_left < 0
        return self._is_own or self._size_left >= 0

    def _add_entry(self, value: Value, path: str | None, free: str | None, depth: int) -> None:
        if path is not None and Entry(path, value) not in self._entries and self._fits(path, value.text):
            self._entries.add(Entry(path, value))
        if free is None or not self._fits(free, value.text):
            return
        shallowest, values = self._free.setdefault(free, (depth, set()))
        if depth < shallowest:
            self._free[free] = (depth, {value})
        elif depth == shallowest:
            values.add(value)

    def _add_text(self, scalar: Scalar, field: Field | None, path: str | None) -> None:
        if scalar is None or _is_hidden(field):
            return
        text = _as_text(scalar)
        index = None if field is None else field.index
        if index is not Index.ASIDE:
            self._add_words(text)
        if path is not None and index in (Index.TEXT, Index.ASIDE):
            for word in words_of(text[: MAX_SIZE // 2]):
                if not self._fits(path, word):
                    return
                self._described.add((path, word))

    def _add_words(self, text: str) -> None:
        """Add the words of the text and, if it is short, the whole text as a value."""
        # Case folding turns a character into at most three, of two bytes each.
        left = min(self._text_left, self._size_left // (1 if text.isascii() else 6))
        self._text_left -= len(text)
        if len(text) > left and not self._is_own:
            self._is_full = True
            if len(text) <= MAX_VALUE_LENGTH:
                return
            text = _cut(text, max(left, 0))
        if self._fits(text.casefold()) and (len(text) > MAX_VALUE_LENGTH or self._fits(text)):
            self._texts.append(text)

    def _add_members(self, value: Any, name: str) -> None:
        self._entries.add(Entry(name, NULL if value is None else PRESENT))
        if isinstance(value, dict):
            self._members.update(key for key in value if len(key) <= MAX_VALUE_LENGTH)
            self._size_left -= sum(len(key) + _OVERHEAD for key in self._members)
            for text in chain.from_iterable(map(_texts, value.values())):
                if not self._count_value():
                    return
                self._add_words(text)


class _SmallBuilder(_Builder):
    """Build the same index for a document that :func:`_is_small`, in half the time."""

    def _count_value(self) -> bool:
        return True

    def _fits(self, *texts: str) -> bool:  # noqa: ARG002 - everything fits
        return True

    def _add_entry(self, value: Value, path: str | None, free: str | None, depth: int) -> None:
        if path is not None:
            self._entries.add(Entry(path, value))
        if free is None:
            return
        found = self._free.get(free)
        if found is None or depth < found[0]:
            self._free[free] = (depth, {value})
        elif depth == found[0]:
            found[1].add(value)

    def _add_words(self, text: str) -> None:
        self._texts.append(text)


def _is_small(document: Document) -> bool:
    """Return whether no limit can be reached. Commas in texts are counted, too."""
    try:
        text = orjson.dumps(document)
    except orjson.JSONEncodeError:
        return False
    return (
        len(text) <= _MAX_SMALL_BYTES
        and text.count(b",") + text.count(b"{") + text.count(b"[") < _MAX_SMALL_VALUES
    )


def _is_hidden(field: Field | None) -> bool:
    return field is not None and field.hidden and field.server


def _path(prefix: str | None, key: str) -> str | None:
    """Return the path, or None if it would be too long or start like the names of free keys."""
    if prefix is None or len(prefix) + len(key) > MAX_NAME_LENGTH or (prefix == "" and key.startswith(FREE)):
        return None
    return prefix + key


def _cut(text: str, length: int) -> str:
    """Return the beginning of a text with at most this length, cut at the end of a word."""
    while length and text[length - 1].isalnum():
        length -= 1
    return text[:length]


def _length(text: str) -> int:
    """Return the bytes of a text with control characters escaped as in JSON."""
    if text.isascii() and text.isprintable():
        return len(text)
    return len(text.encode("utf-8", "surrogatepass")) + 5 * sum(character < " " for character in text)


def _as_text(scalar: Scalar) -> str:
    return scalar if isinstance(scalar, str) else as_value(scalar).text


def _texts(value: Any) -> Iterator[str]:
    """Yield every scalar below a value as text, except secrets."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not is_secret(key):
                yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None:
        yield _as_text(value)
