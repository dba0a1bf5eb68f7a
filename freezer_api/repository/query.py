# SPDX-License-Identifier: Apache-2.0
"""Queries of a repository, and their translation. Every driver gives each condition the same meaning.

Names, values and words are those of ``documents/search_index.py``. A driver only compares them. Queries may
contain texts and numbers that no document can contain.
"""

import typing
from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple

from freezer_api.documents.fields import LONG_MAX, LONG_MIN
from freezer_api.documents.kind import Kind
from freezer_api.documents.search_index import NULL, Value
from freezer_api.repository.texts import is_text

MAX_DEPTH = 16
"""Nested levels of ``Not``, ``Any`` and ``All`` that every driver accepts."""

MAX_CONDITIONS = 100
"""Conditions of one query, without ``Not``, ``Any`` and ``All``, that every driver accepts."""

MAX_WORDS = 500
"""Words of all conditions of one query that every driver accepts."""


@dataclass(frozen=True, slots=True)
class Is:
    """One of these names has this value, alone or in a list. No name has a value of type ``present``."""

    names: tuple[str, ...]
    value: Value


@dataclass(frozen=True, slots=True)
class Missing:
    """No value exists at any of these names, or the value at one of them is null."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HasWords:
    """The text at ``path``, or the whole document if it is None, has all of these words."""

    path: str | None
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HasValue:
    """The document has a value with exactly this text."""

    text: str


@dataclass(frozen=True, slots=True)
class HasMember:
    """The document has this id as a member."""

    member: str


@dataclass(frozen=True, slots=True)
class HasClient:
    """A client that meets the condition has the ``client_id`` of the job."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class Between:
    """The document has an epoch, and it lies within these inclusive bounds; None is unbounded."""

    after: int | None
    before: int | None


@dataclass(frozen=True, slots=True)
class Not:
    """The document does not meet the condition, for instance because it lacks the field."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class Any:
    """The document meets at least one of the conditions."""

    conditions: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class All:
    """The document meets all conditions."""

    conditions: "tuple[Condition, ...]"


Condition = Is | Missing | HasWords | HasValue | HasMember | HasClient | Between | Not | Any | All


class Position(NamedTuple):
    """A place in the order of a search: rank (0: exact match, 1: others), creation time (microseconds), key."""

    rank: int
    created: int
    key: str


@dataclass(frozen=True, slots=True)
class Query:
    """A search.

    Order: documents with ``exact_first`` as a whole value, then the others; each by creation time, then key.
    ``after`` continues after a position, even if its document was deleted; ``offset`` skips documents from there.
    ``limit`` is at least 1, ``offset`` at least 0. After ``max_seconds``, if set, the store stops the search.
    """

    conditions: tuple[Condition, ...] = ()
    exact_first: str | None = None
    limit: int = 10
    offset: int = 0
    after: Position | None = None
    with_total: bool = False
    max_seconds: float | None = None


Node = tuple[typing.Any, ...]
"""A condition on the fields of a store, by its first item:

``not, node``, ``any, *nodes``, ``all, *nodes``, ``client, condition``, ``equal, column, [text]``,
``between, column, [low, high]``; ``pending``: the field is true; ``missing, column or None, names, node``: none of
the names has a value, or the node is met; ``has any`` and ``has all, field, terms`` of ``entries, words, values``.
"""


class Translator(NamedTuple):
    """Translate conditions on documents of one kind to nodes, the same for every store.

    ``terms``: the module of the store with ``entry``, ``described_word``, ``member``, ``word`` and ``value``.
    """

    kind: Kind
    terms: ModuleType

    def node(self, condition: Condition) -> Node:
        """Return the node of a condition."""
        match condition:
            case Not(Is() as inner) if self._is_excluded(inner):
                return ("pending",)
            case Not(inner):
                return ("not", self.node(inner))
            case Any(conditions):
                return ("any", *map(self.node, conditions))
            case All(conditions):
                return ("all", *map(self.node, conditions))
            case HasClient(inner):
                return ("client", inner)
            case Between(after, before):
                return self._between(LONG_MIN if after is None else after, LONG_MAX if before is None else before)
            case _:
                return self._comparison(condition)

    def _comparison(self, condition: Is | Missing | HasWords | HasValue | HasMember) -> Node:
        match condition:
            case Is():
                return self._is(condition)
            case Missing(names):
                column = self.kind.columns.get(names[0]) if len(names) == 1 else None
                return ("missing", column, names, self._is(Is(names, NULL)))
            case HasWords(None, words):
                return ("has all", "words", [self.terms.word(word) for word in words])
            case HasWords(path, words):
                return ("has all", "entries", [self.terms.described_word(path, word) for word in words])
            case HasMember(member):
                return ("has any", "entries", [self.terms.member(member)])
        return ("has any", "values", [self.terms.value(condition.text)])

    def _is(self, condition: Is) -> Node:
        column = self._column(condition)
        if column is None:
            terms = (self.terms.entry(name, condition.value) for name in condition.names)
            return ("has any", "entries", [term for term in terms if term is not None])
        return ("equal", column, [condition.value.text]) if is_text(condition.value.text) else ("any",)

    def _column(self, condition: Is) -> str | None:
        """Return the separate field that contains the values of the condition's name; None if there is none."""
        if len(condition.names) != 1 or condition.value.type != "string":
            return None
        (name,) = condition.names
        return "key" if self.kind.keyed_by_id and name == self.kind.id_field else self.kind.columns.get(name)

    def _is_excluded(self, condition: Is) -> bool:
        """Return whether the field ``pending`` is the opposite of the condition."""
        same = [(name, condition.value.text) for name in condition.names] == [self.kind.excluded]
        return same and condition.value.type == "string"

    def _between(self, low: int, high: int) -> Node:
        if self.kind.epoch_path is None or low > LONG_MAX or high < LONG_MIN:
            return ("any",)
        return ("between", "epoch", [as_long(low), as_long(high)])


def as_long(number: int) -> int:
    """Return the nearest number of 64 bits."""
    return max(LONG_MIN, min(number, LONG_MAX))
