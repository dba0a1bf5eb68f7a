# SPDX-License-Identifier: Apache-2.0
"""Convert the search document of a list to conditions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from freezer_api.documents.fields import LONG_MAX, LONG_MIN, Document, Field, Index
from freezer_api.documents.json_codec import one_line, parse
from freezer_api.documents.kind import Kind
from freezer_api.documents.registry import KINDS
from freezer_api.documents.search_index import Value, as_epoch, as_value, is_digits, words_of
from freezer_api.errors import Invalid, Malformed
from freezer_api.repository import query as q

MAX_CACHED_SIZE = 1024
"""Maximum bytes of a search whose conversion is cached."""

MAX_POLL_PAIRS = 10

_KINDS = {kind.name: kind for kind in KINDS}

ALL = "_all"


Meaning = Callable[[Value], q.Condition]


def no_paths(_path: str) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, eq=False)
class View:
    """How a version of the API searches documents of a kind.

    ``hidden``: paths that it never shows. ``meanings``: the conditions for paths that it shows differently than
    stored. ``other_paths``: returns other paths at which the value of a path may be stored.
    """

    hidden: frozenset[str]
    meanings: Mapping[str, Meaning] = field(default_factory=dict)
    other_paths: Callable[[str], tuple[str, ...]] = no_paths


@dataclass(frozen=True, slots=True)
class Search:
    """``exact_first``: the text whose exact matches come first, if any. ``is_poll``: a scheduler's poll."""

    conditions: tuple[q.Condition, ...]
    exact_first: str | None
    is_poll: bool = False


EMPTY_SEARCH = Search((), None)


def search_of(kind: str, text: bytes, view: View, shown: q.Condition | None = None) -> Search:
    """Convert a search document. Raises ``Invalid``; unknown parts are ignored.

    ``shown`` is the condition of documents whose ``ASIDE`` fields the caller may see, None for all documents; in
    the others a search treats these fields as missing.
    """
    # Cache the conversion, because schedulers repeat the same searches.
    read = _read_cached if len(text) <= MAX_CACHED_SIZE else _read
    return read(kind, text, view, shown)


def _read(kind: str, text: bytes, view: View, shown: q.Condition | None) -> Search:
    document = parse(text)
    if document is None:
        return EMPTY_SEARCH
    if not isinstance(document, dict):
        raise Invalid("A search should be a JSON object")
    return _Reader(_KINDS[kind], view, shown).read(document)


_read_cached = lru_cache(maxsize=1024)(_read)


class _Reader:
    def __init__(self, kind: Kind, view: View, shown: q.Condition | None) -> None:
        self._kind = kind
        self._view = view
        self._shown = shown
        self._pairs = 0
        self._words = 0

    def read(self, document: Document) -> Search:
        wanted = [self._pair(*pair) for pair in self._pairs_of(document, "match")]
        unwanted = [q.Not(self._pair(*pair)) for pair in self._pairs_of(document, "match_not")]
        conditions = (*wanted, *unwanted, *self._between(document))
        return Search(conditions, next(self._texts(document), None), self._is_poll(document))

    def _is_poll(self, document: Document) -> bool:
        """Return whether this is the poll of a scheduler. It takes little time, so no limit applies."""
        wanted, unwanted = (
            {name for item in document.get(part, []) for name in item} for part in ("match", "match_not")
        )
        return (
            self._kind.name == "jobs"
            and self._pairs <= MAX_POLL_PAIRS
            and (wanted, unwanted) == ({"client_id"}, {"status"})
        )

    def _pairs_of(self, document: Document, part: str) -> Iterator[tuple[str, Any, str]]:
        items = document.get(part, [])
        if not isinstance(items, list):
            raise Invalid(f"'{part}' should be a list of objects")
        for item in items:
            if not isinstance(item, dict):
                raise Invalid(f"'{part}' should be a list of objects")
            for name, value in item.items():
                self._pairs += 1
                if self._pairs > q.MAX_CONDITIONS:
                    raise Invalid(f"A search may have at most {q.MAX_CONDITIONS} pairs in 'match' and 'match_not'")
                yield name, value, part

    def _pair(self, name: str, value: Any, part: str) -> q.Condition:
        if isinstance(value, dict | list):
            shown = one_line(name)
            raise Invalid(f"'{shown}' in '{part}' should be compared with a string, number, boolean or null")
        if name == ALL:
            return self._everywhere(value, part)
        return self._at(name, value)

    def _at(self, name: str, value: Any) -> q.Condition:
        names = self._kind.resolve(name, self._view.hidden) + self._view.other_paths(name)
        field = self._kind.paths.get(names[0])
        condition = self._compared(names, field, value)
        if self._shown is None or field is None or field.index is not Index.ASIDE:
            return condition
        if value is None:
            return q.Any((condition, q.Not(self._shown)))
        return q.All((condition, self._shown))

    def _compared(self, names: tuple[str, ...], field: Field | None, value: Any) -> q.Condition:
        meaning = self._view.meanings.get(names[0])
        if meaning is not None:
            return meaning(as_value(value, field))
        if value is None:
            return q.Missing(names)
        if field is not None and field.index is Index.TEXT and isinstance(value, str):
            words = self._words_of(value)
            if words:
                return q.Any(tuple(q.HasWords(path, words) for path in names))
        return q.Is(names, as_value(value, field))

    def _everywhere(self, value: Any, part: str) -> q.Condition:
        if value is None:
            raise Invalid(f"'{ALL}' in '{part}' should not be null")
        text = value if isinstance(value, str) else as_value(value).text
        listed = _listed(text)
        if listed is not None:
            return q.All(tuple(self._nested(listed)))
        words = self._words_of(text)
        return q.All(tuple(self._occurrences(words))) if words else q.HasValue(text)

    def _occurrences(self, words: tuple[str, ...]) -> Iterator[q.Condition]:
        """Yield the conditions for documents with all of these words, in their text or in ``ASIDE`` fields."""
        aside = [(path, field) for path, field in self._kind.aside if path not in self._view.hidden]
        paths = {word: [path for path, field in aside if _may_hold(field, word)] for word in words}
        plain = tuple(word for word in words if not paths[word])
        if plain:
            yield q.HasWords(None, plain)
        for word in words:
            if paths[word]:
                self._count_words(len(paths[word]))
                elsewhere: q.Condition = q.Any(tuple(q.HasWords(path, (word,)) for path in paths[word]))
                if self._shown is not None:
                    elsewhere = q.All((elsewhere, self._shown))
                yield q.Any((q.HasWords(None, (word,)), elsewhere))

    def _words_of(self, text: str) -> tuple[str, ...]:
        words = tuple(dict.fromkeys(words_of(text)))
        self._count_words(len(words))
        return words

    def _count_words(self, number: int) -> None:
        self._words += number
        if self._words > q.MAX_WORDS:
            raise Invalid(f"A search may have at most {q.MAX_WORDS} words")

    def _nested(self, items: list[Any]) -> Iterator[q.Condition]:
        for name, value, part in self._pairs_of({ALL: items}, ALL):
            if name == ALL:
                raise Invalid(f"'{ALL}' cannot contain another '{ALL}'")
            yield self._pair(name, value, part)

    def _texts(self, document: Document) -> Iterator[str]:
        for item in document.get("match", []):
            value = item.get(ALL)
            if value is not None:
                text = value if isinstance(value, str) else as_value(value).text
                if _listed(text) is None:
                    yield text

    def _between(self, document: Document) -> tuple[q.Condition, ...]:
        if self._kind.epoch_path is None:
            return ()
        after, before = (_bound(document, name) for name in ("time_after", "time_before"))
        return () if after is None and before is None else (q.Between(after, before),)


def _may_hold(field: Field, word: str) -> bool:
    """Return whether a valid value of the field can contain this word."""
    values = field.schema.get("enum")
    if values is not None:
        return word in values
    return field.schema.get("type") != "integer" or is_digits(word)


def _listed(text: str) -> list[Any] | None:
    """Return the text as a JSON list, None if it is not one."""
    if not text.lstrip().startswith("["):
        return None
    try:
        value = parse(text.encode("utf-8"))
    except Malformed:
        return None
    return value if isinstance(value, list) else None


def _bound(document: Document, name: str) -> int | None:
    """Return the bound within 64 bits, None if it is absent."""
    if name not in document:
        return None
    value = document[name]
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and is_digits(value)):
        raise Invalid(f"'{name}' should be an integer or a string of digits")
    number = as_epoch(value)
    if number is not None:
        return number
    return LONG_MIN if str(value).startswith("-") else LONG_MAX
