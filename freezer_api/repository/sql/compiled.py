# SPDX-License-Identifier: Apache-2.0
"""SELECT statements compiled for SQLite's driver.

SQLAlchemy compiles each statement once. SQLite's driver executes it, because executing it through SQLAlchemy takes
longer than SQLite takes to answer
(doc/adr/0034).
"""

from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import Dialect

_SQLITE: Dialect = SQLiteDialect_pysqlite(paramstyle="qmark")
_ATTRIBUTE = "_freezer_compiled"


class CompiledSelect:
    """A SELECT statement compiled for SQLite's driver."""

    def __init__(self, statement: Select[Any]) -> None:
        self._compiled = statement.compile(dialect=_SQLITE)
        self.name_columns = _row(statement.selected_columns.keys())._make

    def bind(self, values: Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
        """Return the SQL text and its parameters in their order."""
        state = self._compiled.construct_expanded_state(values)
        return state.statement, state.positional_parameters


def _row(columns: Sequence[str]) -> Any:
    return namedtuple("_row", columns)  # noqa: PYI024 - each statement has its own columns


def compile_select(statement: Select[Any]) -> CompiledSelect:
    """Compile the statement on first use, and keep the result with it."""
    compiled: CompiledSelect | None = statement.__dict__.get(_ATTRIBUTE)
    if compiled is None:
        compiled = statement.__dict__[_ATTRIBUTE] = CompiledSelect(statement)
    return compiled
