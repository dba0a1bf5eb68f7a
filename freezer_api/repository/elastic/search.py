"""A query as the body of a search: filters on terms, so that nothing is scored but exact hits."""

from typing import Any

from freezer_api.documents.search_index import NULL
from freezer_api.repository import query as q
from freezer_api.repository.elastic import terms
from freezer_api.repository.elastic.mapping import KindIndex

Clause = dict[str, Any]

_NOTHING: Clause = {"match_none": {}}


class Translation:
    """Conditions of one kind as clauses."""

    def __init__(self, index: KindIndex) -> None:
        self._index = index

    def clause(self, condition: q.Condition) -> Clause:
        """The clause of one condition."""
        match condition:
            case q.Is():
                return self._is(condition)
            case q.Missing(names):
                return self._missing(names)
            case q.HasWords(None, words):
                return _all([_term("words", terms.bounded(word)) for word in words])
            case q.HasWords(str() as path, words):
                return _all([_term("entries", terms.described_word(path, word)) for word in words])
            case q.HasValue(text):
                return _term("values", terms.bounded(text))
            case q.HasMember(member):
                return _term("entries", terms.member(member))
            case q.Between(after, before):
                return _between(after, before)
            case _:
                return self._of_others(condition)

    def _of_others(self, condition: q.Condition) -> Clause:
        match condition:
            case q.Not(q.Is((path,), value)) if self._index.excluded == (path, value.text):
                return _term("pending", True)
            case q.Not(inner):
                return {"bool": {"must_not": [self.clause(inner)]}}
            case q.Any(conditions):
                return _any([self.clause(inner) for inner in conditions])
            case q.All(conditions):
                return _all([self.clause(inner) for inner in conditions])
        raise AssertionError(condition)

    def _is(self, condition: q.Is) -> Clause:
        name, value = condition.names[0], condition.value
        if len(condition.names) == 1 and value.type == "string":
            if self._index.kind.keyed_by_id and name == self._index.kind.id_field:
                return _term("key", value.text)
            if name in self._index.column_of:
                return _term(self._index.column_of[name], value.text)
        found = (terms.entry(name, value) for name in condition.names)
        return _terms("entries", [term for term in found if term is not None])

    def _missing(self, names: tuple[str, ...]) -> Clause:
        absent = {"bool": {"must_not": [_terms("names", [terms.bounded(name) for name in names])]}}
        return _any([absent, self._is(q.Is(names, NULL))])


def _term(field: str, value: Any) -> Clause:
    return {"term": {field: value}}


def _terms(field: str, values: list[str]) -> Clause:
    return {"terms": {field: values}} if values else _NOTHING


def _all(clauses: list[Clause]) -> Clause:
    return clauses[0] if len(clauses) == 1 else {"bool": {"filter": clauses}}


def _any(clauses: list[Clause]) -> Clause:
    return {"bool": {"should": clauses, "minimum_should_match": 1}} if clauses else _NOTHING


def _between(after: int | None, before: int | None) -> Clause:
    bounds = {"gte": after, "lte": before}
    return {"range": {"epoch": {name: value for name, value in bounds.items() if value is not None}}}


def body_of(index: KindIndex, query: q.Query) -> dict[str, Any]:
    """The search of a page and one document more, which tells whether there are more."""
    translation = Translation(index)
    clauses = [translation.clause(condition) for condition in query.conditions]
    ranked = query.exact_first is not None
    body: dict[str, Any] = {
        "query": {"bool": {"filter": clauses, **(_exact(query.exact_first) if ranked else {})}},
        "sort": [*([{"_score": "desc"}] if ranked else []), {"created": "asc"}, {"key": "asc"}],
        "size": query.limit + 1,
        "track_total_hits": query.with_total,
        "seq_no_primary_term": True,
        "_source": True,
    }
    if query.offset:
        body["from"] = query.offset
    if query.after is not None:
        body["search_after"] = after_of(query.after, ranked=ranked)
    return body


def _exact(text: str | None) -> Clause:
    """Scores 1 where the text stands as a whole value, else 0."""
    value = _term("values", terms.bounded(text or ""))
    return {"should": [{"constant_score": {"filter": value, "boost": 1.0}}]}


def after_of(position: q.Position, *, ranked: bool) -> list[Any]:
    """The sort values of a position."""
    return [*([1.0 - position.rank] if ranked else []), position.created, position.key]


def position_of(hit: dict[str, Any], *, ranked: bool) -> q.Position:
    """The position of a hit; a search without ranks has everything in rank 1."""
    *score, created, key = hit["sort"]
    return q.Position(0 if ranked and score[0] >= 1.0 else 1, created, key)
