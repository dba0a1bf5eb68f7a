"""What a document can be found by: one meaning, computed here, stored by every driver.

An *entry* says that a scalar stands at a name. Names are dotted paths from the root, lists being transparent,
and for keys that no definition knows also ``free_name(key)`` for the shallowest ones of the document. A *word*
is a run of letters and digits, case ignored, of any value. Keys that look like secrets are in neither.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from freezer_api.documents.fields import LONG_MAX, LONG_MIN, Document, Field, Index
from freezer_api.documents.kind import Kind, free_name

LONGEST_VALUE = 1024
"""Characters; a longer value is never found by name, its words are found all the same."""

Scalar = str | int | float | bool | None

_SECRET = re.compile(r"password|passphrase|secret|token", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_DIGITS = re.compile(r"[0-9]+")


class Value(NamedTuple):
    """A scalar in the form in which two of the same type and value are equal (1 and 1.0, but not 1 and true)."""

    type: str
    text: str


NULL = Value("null", "")
PRESENT = Value("present", "")
"""Stands for what is there but cannot be equal to anything: objects, empty lists, values that are too long."""


class Entry(NamedTuple):
    """A value stands at a name."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class SearchIndex:
    """Everything that a document can be found by.

    ``values``: the whole values as text, up to the longest. ``described``: the words of each ``TEXT`` field,
    by its path. ``members``: ids that the document holds.
    """

    entries: frozenset[Entry]
    values: frozenset[str]
    words: frozenset[str]
    described: frozenset[tuple[str, str]]
    members: frozenset[str]


def words_of(text: str) -> list[str]:
    """The words of a text, in order, case folded."""
    return _WORD.findall(text.casefold())


def as_value(scalar: Scalar, field: Field | None = None) -> Value:
    """The comparable form of a scalar at ``field``; ``PRESENT`` when it is too long to be compared."""
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
    return Value(type_, text) if len(text) <= LONGEST_VALUE else PRESENT


def is_digits(text: str) -> bool:
    """Whether the text is a digit string: ASCII digits and nothing else."""
    return _DIGITS.fullmatch(text) is not None


def as_epoch(scalar: Any) -> int | None:
    """The integer that a ``LONG`` or ``EPOCH`` field is sorted and bounded by; None when it is none of 64 bits."""
    if isinstance(scalar, bool):
        return None
    if isinstance(scalar, str):
        if not is_digits(scalar) or len(scalar.lstrip("0")) > len(str(LONG_MAX)):
            return None
        scalar = int(scalar)
    if isinstance(scalar, float) and scalar.is_integer():
        scalar = int(scalar)
    return scalar if isinstance(scalar, int) and LONG_MIN <= scalar <= LONG_MAX else None


def is_secret(key: str) -> bool:
    """Whether a key names a secret, which is then in no index."""
    return _SECRET.search(key) is not None


def value_at(document: Document, path: str) -> Any:
    """What stands at a path of objects; None where there is nothing."""
    value: Any = document
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def search_index(kind: Kind, document: Document) -> SearchIndex:
    """Compute what the document is found by."""
    builder = _Builder(kind)
    builder.add_object(document, "", 0)
    return builder.finished()


class _Builder:
    def __init__(self, kind: Kind) -> None:
        self._paths = kind.paths
        self._shown = kind.shown_names
        self._entries: set[Entry] = set()
        self._texts: list[str] = []
        self._described: set[tuple[str, str]] = set()
        self._members: set[str] = set()
        self._free: dict[str, tuple[int, set[Value]]] = {}

    def finished(self) -> SearchIndex:
        for key, (_, values) in self._free.items():
            self._entries.update(Entry(free_name(key), value) for value in values)
        return SearchIndex(
            entries=frozenset(self._entries),
            values=frozenset(text for text in self._texts if len(text) <= LONGEST_VALUE),
            words=frozenset(words_of(" ".join(self._texts))),
            described=frozenset(self._described),
            members=frozenset(self._members),
        )

    def add_object(self, document: Document, prefix: str, depth: int) -> None:
        for key, value in document.items():
            path = prefix + key
            field = self._paths.get(path)
            if is_secret(key) or (field is not None and field.index is Index.OFF):
                continue
            if field is not None and field.index is Index.MEMBERS:
                self._add_members(value)
                continue
            free = None if key in self._shown else key
            self._add(value, path, free, field, depth)

    def _add(self, value: Any, path: str, free: str | None, field: Field | None, depth: int) -> None:
        if isinstance(value, dict):
            self._add_entry(PRESENT, path, free, depth)
            self.add_object(value, path + ".", depth + 1)
        elif isinstance(value, list):
            if not value:
                self._add_entry(PRESENT, path, free, depth)
            for item in value:
                self._add(item, path, free, field, depth)
        else:
            self._add_entry(as_value(value, field), path, free, depth)
            self._add_text(value, path, field)

    def _add_entry(self, value: Value, path: str, free: str | None, depth: int) -> None:
        self._entries.add(Entry(path, value))
        if free is None:
            return
        shallowest, values = self._free.setdefault(free, (depth, set()))
        if depth < shallowest:
            self._free[free] = (depth, {value})
        elif depth == shallowest:
            values.add(value)

    def _add_text(self, scalar: Scalar, path: str, field: Field | None) -> None:
        if scalar is None or (field is not None and field.hidden):
            return
        text = scalar if isinstance(scalar, str) else as_value(scalar).text
        self._texts.append(text)
        if field is not None and field.index is Index.TEXT:
            self._described.update((path, word) for word in words_of(text))

    def _add_members(self, value: Any) -> None:
        if isinstance(value, dict):
            self._members.update(value)
            self._texts.extend(_texts(value))


def _texts(value: Any) -> Iterator[str]:
    """Every scalar below a value as text, for words only."""
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None:
        yield value if isinstance(value, str) else as_value(value).text
