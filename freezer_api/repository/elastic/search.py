"""A query as the body of a search: filters on terms, so that nothing is scored but exact hits."""

from collections.abc import Callable
from typing import Any

from freezer_api.documents.fields import LONG_MAX, LONG_MIN
from freezer_api.documents.search_index import NULL
from freezer_api.repository import query as q
from freezer_api.repository.elastic import terms
from freezer_api.repository.elastic.layout import Layout
from freezer_api.repository.texts import is_text, nearest_text

Clause = dict[str, Any]
ClientIds = Callable[[q.Condition], list[str]]

_NOTHING: Clause = {"match_none": {}}
_EVERYTHING: Clause = {"match_all": {}}
_SHOWN = ["body", "created", "version"]
_BEFORE_ALL, _BEHIND_ALL = 2.0, -1.0
"""Scores beyond the two that there are: 1 for exact hits, 0 for others."""


class _Translation:
    """Conditions of one kind as clauses; ``client_ids`` finds the ids of the clients that meet a condition."""

    def __init__(self, layout: Layout, client_ids: ClientIds) -> None:
        self._layout = layout
        self._client_ids = client_ids

    def clause(self, condition: q.Condition) -> Clause:
        """The clause of one condition."""
        match condition:
            case q.Not(q.Is((path,), value)) if value.type == "string" and self._layout.excluded == (
                path,
                value.text,
            ):
                return _term("pending", value=True)
            case q.Not(inner):
                return {"bool": {"must_not": [self.clause(inner)]}}
            case q.Any(conditions):
                return _any([self.clause(inner) for inner in conditions])
            case q.All(conditions):
                return _all([self.clause(inner) for inner in conditions])
            case q.HasClient(inner):
                return _terms(self._layout.column_of["client_id"], self._client_ids(inner))
            case q.Between(after, before):
                return self._between(after, before)
            case _:
                return self._found(condition)

    def _found(self, condition: q.Is | q.Missing | q.HasWords | q.HasValue | q.HasMember) -> Clause:
        match condition:
            case q.Is():
                return self._is(condition)
            case q.Missing(names):
                absent = {"bool": {"must_not": [_terms("names", [terms.bounded(name) for name in names])]}}
                return _any([absent, self._is(q.Is(names, NULL))])
            case q.HasValue(text):
                return _terms("values", [terms.bounded(text)])
            case q.HasMember(member):
                return _terms("entries", [terms.member(member)])
            case q.HasWords(None, words):
                return _all([_term("words", terms.bounded(word)) for word in words])
            case q.HasWords(str(path), words):
                return _all([_term("entries", terms.described_word(path, word)) for word in words])
        raise AssertionError(condition)

    def _is(self, condition: q.Is) -> Clause:
        column = self._column(condition)
        if column is not None:
            return _terms(column, [condition.value.text])
        found = (terms.entry(name, condition.value) for name in condition.names)
        return _terms("entries", [term for term in found if term is not None])

    def _column(self, condition: q.Is) -> str | None:
        """The field of its own that holds what the condition asks for, where there is one."""
        if len(condition.names) != 1 or condition.value.type != "string":
            return None
        (name,) = condition.names
        if self._layout.kind.keyed_by_id and name == self._layout.kind.id_field:
            return "key"
        return self._layout.column_of.get(name)

    def _between(self, after: int | None, before: int | None) -> Clause:
        low = LONG_MIN if after is None else after
        high = LONG_MAX if before is None else before
        if self._layout.kind.epoch_path is None or low > LONG_MAX or high < LONG_MIN:
            return _NOTHING
        return {"range": {"epoch": {"gte": _as_long(low), "lte": _as_long(high)}}}


def _as_long(number: int) -> int:
    return max(LONG_MIN, min(number, LONG_MAX))


def _term(field: str, value: Any) -> Clause:
    return {"term": {field: value}} if value is True or is_text(value) else _NOTHING


def _terms(field: str, values: list[str]) -> Clause:
    """One of these terms; a text that is no Unicode is nowhere."""
    possible = [value for value in values if is_text(value)]
    return {"terms": {field: possible}} if possible else _NOTHING


def _all(clauses: list[Clause]) -> Clause:
    return {"bool": {"filter": clauses}} if clauses else _EVERYTHING


def _any(clauses: list[Clause]) -> Clause:
    return {"bool": {"should": clauses, "minimum_should_match": 1}} if clauses else _NOTHING


def body_of(layout: Layout, query: q.Query, client_ids: ClientIds) -> dict[str, Any]:
    """The search without its limit and offset."""
    ranked = query.exact_first is not None
    exact = {"should": [_exact(query.exact_first)]} if query.exact_first is not None else {}
    translation = _Translation(layout, client_ids)
    clauses = [translation.clause(condition) for condition in query.conditions] or [_EVERYTHING]
    body: dict[str, Any] = {
        "query": {"bool": {"filter": clauses, **exact}},
        "sort": [*([{"_score": "desc"}] if ranked else []), {"created": "asc"}, {"key": "asc"}],
        "track_total_hits": query.with_total,
        "seq_no_primary_term": True,
        "_source": _SHOWN,
    }
    if query.after is not None:
        body["search_after"] = _after(query.after, ranked=ranked)
    return body


def _exact(text: str) -> Clause:
    """Scores 1 where the text stands as a whole value, else 0."""
    return {"constant_score": {"filter": _terms("values", [terms.bounded(text)]), "boost": 1.0}}


def _after(position: q.Position, *, ranked: bool) -> list[Any]:
    """The sort values of a position; it may be one that no page gave."""
    score = max(_BEHIND_ALL, min(1.0 - max(-2, min(position.rank, 2)), _BEFORE_ALL))
    return [*([score] if ranked else []), _as_long(position.created), nearest_text(position.key)]


def position_of(hit: dict[str, Any], *, ranked: bool) -> q.Position:
    """The position of a hit; a search without ranks has everything in rank 1."""
    *score, created, key = hit["sort"]
    return q.Position(0 if ranked and score[0] >= 1.0 else 1, created, key)
