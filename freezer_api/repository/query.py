"""What can be asked of a repository. Each condition has one meaning, on every driver.

Names, values and words are those of ``documents/search_index.py``: a driver compares, it does not interpret.
Any text and any number may be asked for, also those that no document can hold.
"""

from dataclasses import dataclass
from typing import NamedTuple

from freezer_api.documents.search_index import Value

DEEPEST = 16
"""Levels of ``Not``, ``Any`` and ``All`` in each other that every driver takes."""

MOST_CONDITIONS = 100
"""Conditions of one query, ``Not``, ``Any`` and ``All`` not counted, that every driver takes."""

MOST_WORDS = 500
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
