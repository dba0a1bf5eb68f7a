"""A query as one SELECT. Statements are built once per shape: the same conditions with other values share one."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    BindParameter,
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

from freezer_api.documents.clients import CLIENTS
from freezer_api.documents.fields import LONG_MAX, LONG_MIN
from freezer_api.documents.search_index import NULL
from freezer_api.repository import query as q
from freezer_api.repository.sql import index_text
from freezer_api.repository.sql.dialects import holds, holds_any
from freezer_api.repository.sql.schema import TABLES, KindTable
from freezer_api.repository.texts import is_text, nearest_text

Shape = tuple[Any, ...]
"""Nested tuples that say everything about a statement except its values."""

_NOWHERE: Shape = ("any",)

_WORDS_AT_ONCE = 16
"""Words with a place of their own in the statement; any more, however many, come as one JSON list."""


_MAX_SINGLE_PARTS = 4
"""Parts that are looked for one after the other. It takes as long to look for any number of them in a list."""

_CHUNK_SIZE = 8000
"""Bytes of the parts of one list. The regular expressions of MariaDB cannot be much longer."""


def _chunks(parts: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    size = 0
    for part in parts:
        if chunk and size + len(part.encode()) > _CHUNK_SIZE:
            yield chunk
            chunk, size = [], 0
        chunk.append(part)
        size += len(part.encode())
    yield chunk


_SMALL = 40
"""Parts of a shape; what schedulers and the web UI ask has fewer."""


class _Paging(NamedTuple):
    ranked: bool
    after: bool


class Search:
    """A query turned into one statement and the ``values`` that it takes.

    ``takes_lists``: whether the database takes any number of words as one list, as SQLite does, whose statements
    cannot be long.
    """

    def __init__(self, table: KindTable, query: q.Query, *, takes_lists: bool) -> None:
        translation = _Translation(table, {}, takes_lists=takes_lists)
        self._kind = table.kind.name
        self._shape = translation.shape(q.All(query.conditions))
        self._paging = _Paging(query.exact_first is not None, query.after is not None)
        self.values = translation.values
        self.values["limit"] = _as_long(query.limit + 1)
        self.values["offset"] = _as_long(query.offset)
        if query.exact_first is not None:
            self.values["exact"] = index_text.value(query.exact_first)
        if query.after is not None:
            self.values["after_created"] = _as_long(query.after.created)
            self.values["after_key"] = nearest_text(query.after.key)
        if query.exact_first is not None and query.after is not None:
            self.values["after_rank"] = _as_long(query.after.rank)

        self._with_total = query.with_total

    @property
    def statement(self) -> Select[Any]:
        """Gives the rows of a page, and one more if there is one: created, key, version, body, rank.

        With a total there is that as well, all of one moment; then the rows are in no order, and when there are
        none there is one without a key.
        """
        make = _counted_statement if self._with_total else _page_statement
        return make(self._kind, self._shape, self._paging)


def _as_long(number: int) -> int:
    return max(LONG_MIN, min(number, LONG_MAX))


class _Translation:
    """Conditions turned into a shape and, in the same order, the ``values`` ``p0``, ``p1`` ... that it takes."""

    def __init__(self, table: KindTable, values: dict[str, Any], *, takes_lists: bool) -> None:
        self._table = table
        self._takes_lists = takes_lists
        self._words_at_once = _WORDS_AT_ONCE if takes_lists else q.MOST_WORDS
        self.values = values

    def _bound(self, value: Any) -> str:
        name = f"p{len(self.values)}"
        self.values[name] = value
        return name

    def shape(self, condition: q.Condition) -> Shape:
        """The shape of one condition."""
        match condition:
            case q.Not(inner):
                return self._not(inner)
            case q.Any(conditions):
                return ("any", *map(self.shape, conditions))
            case q.All(conditions):
                return ("all", *self._together(conditions))
            case q.HasClient(inner):
                clients = _Translation(TABLES[CLIENTS.name], self.values, takes_lists=self._takes_lists)
                return ("client", clients.shape(inner))
            case q.Between(after, before):
                return self._between(after, before)
            case _:
                return self._found(condition)

    def _together(self, conditions: Iterable[q.Condition]) -> Iterator[Shape]:
        """The shapes of conditions that all hold. Those that exclude parts become one for each column."""
        unwanted: dict[str, list[str]] = {}
        for condition in conditions:
            parts = self._parts(condition.condition) if isinstance(condition, q.Not) else None
            if parts is None:
                yield self.shape(condition)
            else:
                for column, part in parts:
                    unwanted.setdefault(column, []).append(part)
        for column, parts_of_column in unwanted.items():
            yield ("not", self._in_any(column, list(dict.fromkeys(parts_of_column))))

    def _parts(self, condition: q.Condition) -> list[tuple[str, str]] | None:
        """The parts, with their columns, of which a document that fits has at least one; None if this cannot be
        said of the condition.
        """
        match condition:
            case q.Is() if self._column(condition) is None and not self._is_excluded(condition):
                found = (index_text.entry(name, condition.value) for name in condition.names)
                return [("entries", part) for part in found if part is not None]
            case q.HasMember(member):
                return [("entries", index_text.member(member))]
            case q.HasWords(None, (word,)):
                return [("texts", index_text.word(word))]
            case q.HasWords(str(path), (word,)):
                return [("entries", index_text.described_word(path, word))]
            case q.Any(conditions):
                parts = [self._parts(inner) for inner in conditions]
                return None if None in parts else [part for some in parts for part in some or ()]
        return None

    def _in_any(self, column: str, parts: list[str]) -> Shape:
        if len(parts) <= _MAX_SINGLE_PARTS:
            return ("any", *(self._in(column, part) for part in parts))
        return ("any", *(self._in_list(column, some) for some in _chunks(parts)))

    def _in_list(self, column: str, parts: list[str]) -> Shape:
        # SQLite takes the list alone, and has one statement for any number of parts.
        single = () if self._takes_lists else tuple(self._bound(part) for part in parts)
        return ("in any", column, self._bound(index_text.listed(map(self._as_listed, parts))), *single)

    def _as_listed(self, part: str) -> str:
        return part.replace("\\", index_text.BACKSLASH) if self._takes_lists else part

    def _found(self, condition: q.Is | q.Missing | q.HasWords | q.HasValue | q.HasMember) -> Shape:
        match condition:
            case q.Is():
                return self._is(condition)
            case q.Missing(names):
                return self._missing(names)
            case q.HasValue(text):
                return self._in("texts", index_text.value(text))
            case q.HasMember(member):
                return self._in("entries", index_text.member(member))
            case _:
                return self._has_words(condition.path, condition.words)

    def _not(self, inner: q.Condition) -> Shape:
        if isinstance(inner, q.Is) and self._is_excluded(inner):
            return ("pending",)
        return ("not", self.shape(inner))

    def _is_excluded(self, condition: q.Is) -> bool:
        """Whether the table has a column that says the opposite."""
        same = [(name, condition.value.text) for name in condition.names] == [self._table.excluded]
        return same and condition.value.type == "string"

    def _is(self, condition: q.Is) -> Shape:
        column = self._column(condition)
        if column is None:
            parts = (index_text.entry(name, condition.value) for name in condition.names)
            return ("any", *(self._in("entries", part) for part in parts if part is not None))
        if not is_text(condition.value.text):
            return _NOWHERE
        return ("equal", column, self._bound(condition.value.text))

    def _column(self, condition: q.Is) -> str | None:
        """The column that holds what the condition asks for, where there is one."""
        if len(condition.names) != 1 or condition.value.type != "string":
            return None
        (name,) = condition.names
        if self._table.kind.keyed_by_id and name == self._table.kind.id_field:
            return "key"
        return self._table.column_of.get(name)

    def _missing(self, names: tuple[str, ...]) -> Shape:
        columns = [self._table.column_of.get(name) for name in names]
        if len(columns) == 1 and columns[0] is not None:
            return ("null", columns[0])
        present = ("any", *(self._in("entries", index_text.presence(name)) for name in names))
        return ("any", ("not", present), self._is(q.Is(names, NULL)))

    def _has_words(self, path: str | None, words: tuple[str, ...]) -> Shape:
        if path is None:
            return self._in_each("texts", map(index_text.word, words))
        return self._in_each("entries", (index_text.described_word(path, word) for word in words))

    def _in(self, column: str, part: str) -> Shape:
        return ("in", column, self._bound(part))

    def _in_each(self, column: str, parts: Iterable[str]) -> Shape:
        distinct = list(dict.fromkeys(parts))
        first, rest = distinct[: self._words_at_once], distinct[self._words_at_once :]
        others = [("in each", column, self._bound(orjson.dumps(rest).decode()))] if rest else []
        return ("all", *(self._in(column, part) for part in first), *others)

    def _between(self, after: int | None, before: int | None) -> Shape:
        low = LONG_MIN if after is None else after
        high = LONG_MAX if before is None else before
        if self._table.kind.epoch_path is None or low > LONG_MAX or high < LONG_MIN:
            return _NOWHERE
        return ("between", self._bound(_as_long(low)), self._bound(_as_long(high)))


def _clause(table: KindTable, shape: Shape) -> ColumnElement[bool]:
    match shape:
        case ("client", inner):
            clients = TABLES[CLIENTS.name]
            same = clients.table.c.client_id == table.table.c.client_id
            return select(1).where(same, _clause(clients, inner)).correlate(table.table).exists()
        case ("not", inner):
            return not_(func.coalesce(_clause(table, inner), false()))
        case ("any", *inner):
            return or_(false(), *(_clause(table, part) for part in inner))
        case ("all", *inner):
            return and_(true(), *(_clause(table, part) for part in inner))
        case _:
            return _comparison(table, shape)


def _comparison(table: KindTable, shape: Shape) -> ColumnElement[bool]:
    columns = table.table.c
    match shape:
        case ("equal", name, value):
            return columns[name] == bindparam(value)
        case ("null", name):
            return columns[name].is_(None)
        case ("in" | "in any" | "in each", name, value, *parts):
            return _contains(table, shape[0], columns[name], value, parts)
        case ("between", low, high):
            return columns.epoch.between(bindparam(low), bindparam(high))
        case ("pending",):
            return columns.pending == true()
    raise AssertionError(shape)


def _contains(
    table: KindTable, how: str, column: ColumnElement[str], value: str, parts: list[str]
) -> ColumnElement[bool]:
    if how == "in":
        return holds(column, value)
    if how == "in any":
        return holds_any(column, value, parts)
    listed = func.json_each(bindparam(value)).table_valued("value")
    return ~select(1).where(func.instr(column, listed.c.value) == 0).correlate(table.table).exists()


def _remembered(make: Callable[..., Select[Any]]) -> Callable[..., Select[Any]]:
    """Keep the statements of 256 small shapes and of 16 large ones: a condition takes several KiB of memory."""
    small, large = lru_cache(maxsize=256)(make), lru_cache(maxsize=16)(make)

    def remembered(kind: str, shape: Shape, paging: _Paging) -> Select[Any]:
        return (small if _parts(shape) <= _SMALL else large)(kind, shape, paging)

    return remembered


def _parts(shape: Any) -> int:
    return 1 + sum(map(_parts, shape)) if isinstance(shape, tuple) else 0


@_remembered
def _page_statement(kind: str, shape: Shape, paging: _Paging) -> Select[Any]:
    table = TABLES[kind]
    columns = table.table.c
    rank: ColumnElement[int] = literal(1)
    order: list[ColumnElement[Any]] = [columns.created, columns.key]
    if paging.ranked:
        rank = case((holds(columns.texts, "exact"), 0), else_=1)
        order.insert(0, rank)
    wanted = _clause(table, shape)
    if paging.after:
        wanted = and_(wanted, _later(table, rank if paging.ranked else None))
    return (
        select(columns.created, columns.key, columns.version, columns.body, rank.label("rank"))
        .where(wanted)
        .order_by(*order)
        .limit(bindparam("limit"))
        .offset(bindparam("offset"))
    )


def _later(table: KindTable, rank: ColumnElement[int] | None) -> ColumnElement[bool]:
    """Behind the position; written so that an index by creation time and key starts there."""
    columns = table.table.c
    created: BindParameter[int] = bindparam("after_created")
    key: BindParameter[str] = bindparam("after_key")
    later = and_(columns.created >= created, or_(columns.created > created, columns.key > key))
    if rank is None:
        return later
    return or_(rank > bindparam("after_rank"), and_(rank == bindparam("after_rank"), later))


@_remembered
def _counted_statement(kind: str, shape: Shape, paging: _Paging) -> Select[Any]:
    table = TABLES[kind]
    page = _page_statement(kind, shape, paging).subquery("page")
    counted = select(func.count().label("total")).select_from(table.table).where(_clause(table, shape))
    total = counted.subquery("total")
    return select(*page.c, total.c.total).select_from(total.outerjoin(page, true()))
