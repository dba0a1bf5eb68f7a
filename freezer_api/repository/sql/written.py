"""A SELECT as SQLite's driver takes it and answers it.

SQLAlchemy writes each statement once. To have it carry one out takes longer than SQLite takes to answer.
"""

from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.interfaces import Dialect

_SQLITE: Dialect = SQLiteDialect_pysqlite(paramstyle="qmark")


class Written:
    """A statement, written."""

    def __init__(self, statement: Select[Any]) -> None:
        self._compiled = statement.compile(dialect=_SQLITE)
        self._row = _row(statement.selected_columns.keys())

    def asked(self, values: Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
        """What the driver is given: the text, and its parameters in their order."""
        state = self._compiled.construct_expanded_state(values)
        return state.statement, state.positional_parameters

    def rows(self, found: Sequence[tuple[Any, ...]]) -> list[Any]:
        """What the driver found, with the names of the columns."""
        return list(map(self._row._make, found))


def _row(columns: Sequence[str]) -> Any:
    return namedtuple("_row", columns)  # noqa: PYI024 - each statement has its own columns


_WRITTEN = "_freezer_written"


def written(statement: Select[Any]) -> Written:
    """The statement, written when it is met first: there is one object for each, which keeps it."""
    found: Written | None = statement.__dict__.get(_WRITTEN)
    if found is None:
        found = statement.__dict__[_WRITTEN] = Written(statement)
    return found
