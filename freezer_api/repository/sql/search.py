# SPDX-License-Identifier: Apache-2.0
"""Translate queries to SELECT statements. A statement is built once for all queries that differ by values only."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

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
from freezer_api.repository import query as q
from freezer_api.repository.sql import index_text
from freezer_api.repository.sql.dialects import holds, holds_any
from freezer_api.repository.sql.schema import TABLES, KindTable
from freezer_api.repository.texts import nearest_text

_Item = TypeVar("_Item")

Shape = tuple[Any, ...]
"""Nested tuples that describe a statement without its values."""

_COLUMNS = {"entries": "entries", "words": "texts", "values": "texts"}
"""The columns that hold the terms of a query's fields."""

_MAX_SINGLE_WORDS = 16
"""The maximum number of words with their own parameters; further words are passed as one JSON list."""

_MAX_SINGLE_PARTS = 4
"""The maximum number of parts that are searched separately. A search for a list takes about as long as these."""

_MAX_LIST_BYTES = 8000
"""Maximum bytes of the parts in one list. MariaDB does not accept much longer regular expressions."""

_MAX_SMALL_SHAPE = 40
"""The maximum number of parts of a small shape. Queries of schedulers and of the web UI have fewer."""


def batches(items: Iterable[_Item], size: Callable[[_Item], int], max_size: int) -> Iterator[list[_Item]]:
    """Yield the items in lists of at most this size together. A larger item is alone in its list."""
    batch: list[_Item] = []
    left = max_size
    for item in items:
        if batch and size(item) > left:
            yield batch
            batch, left = [], max_size
        batch.append(item)
        left -= size(item)
    if batch:
        yield batch


class Search:
    """The ``statement`` for a query, and the ``values`` of its parameters.

    The statement returns the rows of a page and the next row: created, key, version, body, rank. If a total is
    wanted, each row contains it; then the rows are in no order, and an empty page is one row without a key.

    ``takes_lists``: whether the database takes any number of words as one list. SQLite does, and limits the length
    of statements.
    """

    def __init__(self, table: KindTable, query: q.Query, *, takes_lists: bool) -> None:
        self._takes_lists = takes_lists
        self.values: dict[str, Any] = {}
        shape = self._shape(q.Translator(table.kind, index_text).node(q.All(query.conditions)))
        build = _counted_statement if query.with_total else _page_statement
        self.statement = build(
            table.kind.name, shape, ranked=query.exact_first is not None, after=query.after is not None
        )
        self.values |= {"limit": q.as_long(query.limit + 1), "offset": q.as_long(query.offset)}
        if query.exact_first is not None:
            self.values["exact"] = index_text.value(query.exact_first)
        if query.after is not None:
            self.values["after_rank"] = q.as_long(query.after.rank)
            self.values["after_created"] = q.as_long(query.after.created)
            self.values["after_key"] = nearest_text(query.after.key)

    def _bound(self, value: Any) -> str:
        name = f"p{len(self.values)}"
        self.values[name] = value
        return name

    def _shape(self, node: q.Node) -> Shape:
        """Return the shape of a node, and append its values as ``p0``, ``p1`` ... in the same order."""
        match node:
            case ("not" | "any" as how, *nodes):
                return (how, *map(self._shape, nodes))
            case ("all", *nodes):
                return ("all", *self._together(nodes))
            case ("client", condition):
                return ("client", self._shape(q.Translator(CLIENTS, index_text).node(condition)))
            case ("equal" | "between" as how, column, values):
                return (how, column, *map(self._bound, values))
            case ("has any", field, terms):
                return ("any", *(self._in(_COLUMNS[field], term) for term in terms))
            case ("has all", field, terms):
                return self._in_each(_COLUMNS[field], terms)
            case ("missing", None, names, is_null):
                present = [self._in("entries", index_text.presence(name)) for name in names]
                return ("any", ("not", ("any", *present)), self._shape(is_null))
            case ("missing", column, *_):
                return ("null", column)
        return node

    def _together(self, nodes: Iterable[q.Node]) -> Iterator[Shape]:
        """Yield the shapes of conditions that all have to hold; those that exclude parts become one per column."""
        unwanted: dict[str, list[str]] = {}
        for node in nodes:
            parts = _parts_of(node[1]) if node[0] == "not" else None
            if parts is None:
                yield self._shape(node)
            else:
                for column, part in parts:
                    unwanted.setdefault(column, []).append(part)
        for column, parts_of_column in unwanted.items():
            yield ("not", self._in_any(column, list(dict.fromkeys(parts_of_column))))

    def _in_any(self, column: str, parts: list[str]) -> Shape:
        if len(parts) <= _MAX_SINGLE_PARTS:
            return ("any", *(self._in(column, part) for part in parts))
        return ("any", *(self._in_list(column, some) for some in batches(parts, _bytes, _MAX_LIST_BYTES)))

    def _in_list(self, column: str, parts: list[str]) -> Shape:
        if self._takes_lists:
            # Use only the list, so that the same statement can be used for any number of parts.
            listed = index_text.listed(part.replace("\\", index_text.BACKSLASH) for part in parts)
            return ("in any", column, self._bound(listed))
        return ("in any", column, self._bound(index_text.listed(parts)), *map(self._bound, parts))

    def _in(self, column: str, part: str) -> Shape:
        return ("in", column, self._bound(part))

    def _in_each(self, column: str, parts: Iterable[str]) -> Shape:
        distinct = list(dict.fromkeys(parts))
        single = _MAX_SINGLE_WORDS if self._takes_lists else q.MAX_WORDS
        shapes = [self._in(column, part) for part in distinct[:single]]
        if distinct[single:]:
            shapes.append(("in each", column, self._bound(orjson.dumps(distinct[single:]).decode())))
        return ("all", *shapes)


def _bytes(part: str) -> int:
    return len(part.encode())


def _parts_of(node: q.Node) -> list[tuple[str, str]] | None:
    """Return the columns and parts of which the node requires at least one; None if it is another condition."""
    match node:
        case ("has any", "entries", terms):
            return [("entries", term) for term in terms]
        case ("has all", "entries" | "words" as field, [term]):
            return [(_COLUMNS[field], term)]
        case ("any", *nodes):
            parts = [_parts_of(inner) for inner in nodes]
            return None if None in parts else [part for some in parts for part in some or ()]
    return None


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
        case ("in", name, value):
            return holds(columns[name], value)
        case ("in any", name, value, *parts):
            return holds_any(columns[name], value, parts)
        case ("in each", name, value):
            listed = func.json_each(bindparam(value)).table_valued("value")
            absent = select(1).where(func.instr(columns[name], listed.c.value) == 0)
            return ~absent.correlate(table.table).exists()
        case ("between", name, low, high):
            return columns[name].between(bindparam(low), bindparam(high))
        case ("pending",):
            return columns.pending == true()
    raise AssertionError(shape)


def _cached(build: Callable[..., Select[Any]]) -> Callable[..., Select[Any]]:
    """Cache the statements of 256 small shapes and of 16 large ones: a condition takes several KiB of memory."""
    small, large = lru_cache(maxsize=256)(build), lru_cache(maxsize=16)(build)

    def cached(kind: str, shape: Shape, **paging: bool) -> Select[Any]:
        return (small if _size(shape) <= _MAX_SMALL_SHAPE else large)(kind, shape, **paging)

    return cached


def _size(shape: Any) -> int:
    """Return the number of parts of a shape."""
    return 1 + sum(map(_size, shape)) if isinstance(shape, tuple) else 0


@_cached
def _page_statement(kind: str, shape: Shape, *, ranked: bool, after: bool) -> Select[Any]:
    table = TABLES[kind]
    columns = table.table.c
    rank: ColumnElement[int] = literal(1)
    order: list[ColumnElement[Any]] = [columns.created, columns.key]
    if ranked:
        rank = case((holds(columns.texts, "exact"), 0), else_=1)
        order.insert(0, rank)
    wanted = _clause(table, shape)
    if after:
        wanted = and_(wanted, _later(table, rank if ranked else None))
    return (
        select(columns.created, columns.key, columns.version, columns.body, rank.label("rank"))
        .where(wanted)
        .order_by(*order)
        .limit(bindparam("limit"))
        .offset(bindparam("offset"))
    )


def _later(table: KindTable, rank: ColumnElement[int] | None) -> ColumnElement[bool]:
    """Return the condition for rows after a position, with which an index by time and key starts there."""
    columns = table.table.c
    created: BindParameter[int] = bindparam("after_created")
    key: BindParameter[str] = bindparam("after_key")
    later = and_(columns.created >= created, or_(columns.created > created, columns.key > key))
    if rank is None:
        return later
    return or_(rank > bindparam("after_rank"), and_(rank == bindparam("after_rank"), later))


@_cached
def _counted_statement(kind: str, shape: Shape, *, ranked: bool, after: bool) -> Select[Any]:
    table = TABLES[kind]
    page = _page_statement(kind, shape, ranked=ranked, after=after).subquery("page")
    counted = select(func.count().label("total")).select_from(table.table).where(_clause(table, shape))
    total = counted.subquery("total")
    return select(*page.c, total.c.total).select_from(total.outerjoin(page, true()))
