"""Queries of a repository, and their translation. Each condition has one meaning, on every driver.

Names, values and words are those of ``documents/search_index.py``: a driver compares, it does not interpret.
Queries may contain any text and any number, also those that no document can hold.
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
"""Levels of ``Not``, ``Any`` and ``All`` in each other that every driver takes."""

MAX_CONDITIONS = 100
"""Conditions of one query, ``Not``, ``Any`` and ``All`` not counted, that every driver takes."""

MAX_WORDS = 500
"""Words of all conditions of one query that every driver takes."""


@dataclass(frozen=True, slots=True)
class Is:
    """At one of these names stands this value, alone or in a list. A value of type ``present`` is nowhere."""

    names: tuple[str, ...]
    value: Value


@dataclass(frozen=True, slots=True)
class Missing:
    """At none of these names stands anything, or at one stands null."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HasWords:
    """The text at ``path`` has all of these words; in the whole document when ``path`` is None."""

    path: str | None
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HasValue:
    """Somewhere in the document stands a value with exactly this text."""

    text: str


@dataclass(frozen=True, slots=True)
class HasMember:
    """The document holds this id as a member."""

    member: str


@dataclass(frozen=True, slots=True)
class HasClient:
    """Of jobs: a client that meets the condition has the job's ``client_id``."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class Between:
    """The kind's epoch lies within these bounds, both inclusive; None is open. Where there is none it does not."""

    after: int | None
    before: int | None


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold; a document that lacks the field stays in."""

    condition: "Condition"


@dataclass(frozen=True, slots=True)
class Any:
    """One of the conditions holds; none of none does."""

    conditions: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class All:
    """Each of the conditions holds."""

    conditions: "tuple[Condition, ...]"


Condition = Is | Missing | HasWords | HasValue | HasMember | HasClient | Between | Not | Any | All


class Position(NamedTuple):
    """A place in a search's order: rank (0 for exact hits, else 1), creation time in microseconds, key."""

    rank: int
    created: int
    key: str


@dataclass(frozen=True, slots=True)
class Query:
    """A search.

    Order: documents in which ``exact_first`` stands as a whole value, then the others; each by creation time,
    then key. ``after`` continues behind a position, be it still there or not, and ``offset`` counts from there.
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
``between, column, [low, high]``; ``pending``: the field is true; ``missing, column or None, names, node``: nothing
is at any of them, or the node is met; ``has any`` and ``has all, field, terms``: of ``entries, words, values``.
"""


class Translator(NamedTuple):
    """Translates conditions on documents of one kind to nodes, the same for every store.

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
        """Return the field of its own that holds what the condition compares, if there is one."""
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
