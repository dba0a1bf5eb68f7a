"""A query as one SELECT. Statements are built once per shape: the same conditions with other values share one."""

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)

from freezer_api.documents.search_index import NULL
from freezer_api.repository import query as q
from freezer_api.repository.sql import index_text
from freezer_api.repository.sql.schema import TABLES, KindTable

Shape = tuple[Any, ...]
"""Nested tuples that say everything about a statement except its values."""


class Translation:
    """Conditions turned into a shape and, in the same order, the values ``p0``, ``p1`` ... that it takes."""

    def __init__(self, table: KindTable) -> None:
        self._table = table
        self.values: dict[str, Any] = {}

    def _bound(self, value: Any) -> str:
        name = f"p{len(self.values)}"
        self.values[name] = value
        return name

    def shape(self, condition: q.Condition) -> Shape:
        """The shape of one condition."""
        match condition:
            case q.Is():
                return self._is(condition)
            case q.Missing(names):
                return self._missing(names)
            case q.HasWords(None, words):
                return self._all_in("texts", map(index_text.word, words))
            case q.HasWords(str() as path, words):
                return self._all_in("entries", (index_text.described_word(path, word) for word in words))
            case q.HasValue(text):
                return self._in("texts", index_text.value(text))
            case q.HasMember(member):
                return self._in("entries", index_text.member(member))
            case q.Between(after, before):
                return self._between(after, before)
            case q.Not(q.Is((path,), value)) if self._table.excluded == (path, value.text):
                return ("pending",)
            case q.Not(inner):
                return ("not", self.shape(inner))
            case q.Any(conditions):
                return ("any", *map(self.shape, conditions))
            case q.All(conditions):
                return ("all", *map(self.shape, conditions))

    def _is(self, condition: q.Is) -> Shape:
        name, value = condition.names[0], condition.value
        if len(condition.names) == 1 and value.type == "string":
            if self._table.kind.keyed_by_id and name == self._table.kind.id_field:
                return ("equal", "key", self._bound(value.text))
            if name in self._table.column_of:
                return ("equal", self._table.column_of[name], self._bound(value.text))
        framed = (index_text.entry(name, value) for name in condition.names)
        return ("any", *(self._in("entries", part) for part in framed if part is not None))

    def _missing(self, names: tuple[str, ...]) -> Shape:
        present = ("any", *(self._in("entries", index_text.presence(name)) for name in names))
        return ("any", ("not", present), self._is(q.Is(names, NULL)))

    def _in(self, column: str, part: str) -> Shape:
        return ("in", column, self._bound(part))

    def _all_in(self, column: str, parts: "map[str] | Any") -> Shape:
        return ("all", *(self._in(column, part) for part in parts))

    def _between(self, after: int | None, before: int | None) -> Shape:
        low = () if after is None else (("least", self._bound(after)),)
        high = () if before is None else (("most", self._bound(before)),)
        return ("all", *low, *high)


def _clause(table: KindTable, shape: Shape) -> ColumnElement[bool]:
    columns = table.table.c
    match shape:
        case ("equal", name, value):
            return columns[name] == bindparam(value)
        case ("in", name, value):
            return func.instr(columns[name], bindparam(value)) > 0
        case ("pending",):
            return columns.pending == literal(True)
        case ("least", value):
            return columns.epoch >= bindparam(value)
        case ("most", value):
            return columns.epoch <= bindparam(value)
        case ("not", inner):
            return not_(func.coalesce(_clause(table, inner), false()))
        case ("any", *inner):
            return or_(false(), *(_clause(table, part) for part in inner))
        case (_, *inner):
            return and_(true(), *(_clause(table, part) for part in inner))
    raise AssertionError(shape)


@lru_cache(maxsize=512)
def page_statement(kind: str, shape: Shape, ranked: bool, after: bool) -> Select[Any]:
    """The statement of a page: key, created, version, body, rank. Takes also ``limit``, ``offset``, and for
    ``ranked`` ``exact``, for ``after`` ``after_rank``, ``after_created``, ``after_key``.
    """
    table = TABLES[kind]
    columns = table.table.c
    rank: ColumnElement[int] = (
        case((func.instr(columns.texts, bindparam("exact")) > 0, 0), else_=1) if ranked else literal(1)
    )
    order = [*([rank] if ranked else []), columns.created, columns.key]
    statement = select(columns.key, columns.created, columns.version, columns.body, rank.label("rank")).where(
        _clause(table, shape)
    )
    if after:
        later = and_(
            columns.created >= bindparam("after_created"),
            or_(columns.created > bindparam("after_created"), columns.key > bindparam("after_key")),
        )
        if ranked:
            same_rank = and_(rank == bindparam("after_rank"), later)
            later = or_(rank > bindparam("after_rank"), same_rank)
        statement = statement.where(later)
    return statement.order_by(*order).limit(bindparam("limit")).offset(bindparam("offset"))


@lru_cache(maxsize=512)
def total_statement(kind: str, shape: Shape) -> Select[Any]:
    """The statement that counts the documents of a shape."""
    table = TABLES[kind]
    return select(func.count()).select_from(table.table).where(_clause(table, shape))
