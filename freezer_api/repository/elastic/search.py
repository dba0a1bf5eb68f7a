# SPDX-License-Identifier: Apache-2.0
"""Translate a query to the body of a search: filters on terms, so that only exact matches are scored."""

from collections.abc import Callable
from typing import Any

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
"""Scores before and after those of all hits; hits have 1 (exact matches) or 0 (others)."""


def _clause(node: q.Node, client_ids: ClientIds) -> Clause:
    """Return the clause of a node; ``client_ids`` finds the ids of the clients that meet a condition."""
    match node:
        case ("not", inner):
            return {"bool": {"must_not": [_clause(inner, client_ids)]}}
        case ("any" | "all" as how, *nodes):
            return (_any if how == "any" else _all)([_clause(inner, client_ids) for inner in nodes])
        case ("client", condition):
            return _terms("client_id", client_ids(condition))
        case ("equal" | "has any", field, values):
            return _terms(field, values)
        case ("has all", field, values):
            return _all([{"term": {field: value}} if is_text(value) else _NOTHING for value in values])
        case ("between", field, [low, high]):
            return {"range": {field: {"gte": low, "lte": high}}}
        case ("missing", _, names, is_null):
            present = _terms("names", [terms.bounded(name) for name in names])
            return _any([{"bool": {"must_not": [present]}}, _clause(is_null, client_ids)])
        case ("pending",):
            return {"term": {"pending": True}}
    raise AssertionError(node)


def _terms(field: str, values: list[str]) -> Clause:
    """Return a clause for any of these terms. Texts that are not valid Unicode match nothing."""
    possible = [value for value in values if is_text(value)]
    return {"terms": {field: possible}} if possible else _NOTHING


def _all(clauses: list[Clause]) -> Clause:
    return {"bool": {"filter": clauses}} if clauses else _EVERYTHING


def _any(clauses: list[Clause]) -> Clause:
    return {"bool": {"should": clauses, "minimum_should_match": 1}} if clauses else _NOTHING


def body_of(layout: Layout, query: q.Query, client_ids: ClientIds) -> dict[str, Any]:
    """Return the body of the search without limit and offset."""
    ranked = query.exact_first is not None
    exact = {"should": [_exact(query.exact_first)]} if query.exact_first is not None else {}
    node = q.Translator(layout.kind, terms).node
    clauses = [_clause(node(condition), client_ids) for condition in query.conditions] or [_EVERYTHING]
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
    """Return a clause that scores 1 if the text is a whole value, else 0."""
    return {"constant_score": {"filter": _terms("values", [terms.value(text)]), "boost": 1.0}}


def _after(position: q.Position, *, ranked: bool) -> list[Any]:
    """Return the sort values of a position, whose values may be arbitrary, as clients send them."""
    score = max(_BEHIND_ALL, min(1.0 - max(-2, min(position.rank, 2)), _BEFORE_ALL))
    return [*([score] if ranked else []), q.as_long(position.created), nearest_text(position.key)]


def position_of(hit: dict[str, Any], *, ranked: bool) -> q.Position:
    """Return the position of a hit. Without ranks all hits have rank 1."""
    *score, created, key = hit["sort"]
    return q.Position(0 if ranked and score[0] >= 1.0 else 1, created, key)
