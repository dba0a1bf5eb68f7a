# SPDX-License-Identifier: Apache-2.0
"""The SQL of combined conditions for each type of database. Contract tests execute such statements."""

import re
from typing import Any

import pytest
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine.interfaces import Dialect

from freezer_api.documents.search_index import Value
from freezer_api.repository import query as q
from freezer_api.repository.sql.schema import TABLES
from freezer_api.repository.sql.search import Search

MARIADB = mysql.dialect(is_mariadb=True)  # type: ignore[no-untyped-call]
MYSQL = mysql.dialect()  # type: ignore[no-untyped-call]
POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]
SQLITE = sqlite.dialect()  # type: ignore[no-untyped-call]

TEXTS = ("a", "ab", "b\\", "é", "c*/")


def _unwanted(*texts: str) -> list[q.Condition]:
    return [q.Not(q.Is(("x",), Value("string", text))) for text in texts]


def _written(dialect: Dialect, *conditions: q.Condition) -> tuple[str, dict[str, Any]]:
    search = Search(TABLES["backups"], q.Query(conditions), takes_lists=dialect is SQLITE)
    compiled = search.statement.compile(dialect=dialect)
    values = {
        name: processor(search.values[name]) if (processor := compiled._bind_processors.get(name)) else value
        for name, value in search.values.items()
    }
    return str(compiled), values


def test_sqlite_compares_excluded_values_with_one_list() -> None:
    text, values = _written(SQLITE, *_unwanted(*TEXTS))
    assert text.count("json_each") == 2
    assert "instr" not in text
    assert values["p0"].count("x\\u001es\\u001d") == len(TEXTS)
    assert '"x\\u001es\\u001db\\u001a!"' in values["p0"]
    assert _written(SQLITE, *_unwanted(*TEXTS, *map(str, range(90))))[0] == text


def test_postgresql_compares_excluded_values_with_one_array() -> None:
    text, values = _written(POSTGRESQL, *_unwanted(*TEXTS))
    assert "= ANY (CAST(" in text
    assert "position" not in text
    listed = next(value for value in values.values() if isinstance(value, list))
    assert listed[2:4] == ["x\x1es\x1db\\\\", "x\x1es\x1d\\303\\251"]


def test_mariadb_compares_excluded_values_with_one_expression() -> None:
    text, values = _written(MARIADB, *_unwanted(*TEXTS))
    assert "entries REGEXP" in text
    assert "instr" not in text
    (pattern,) = (value for value in values.values() if isinstance(value, bytes) and b"(?:" in value)
    assert b"*" not in pattern
    for text in TEXTS:
        assert re.search(pattern, f"\x1fq\x1fx\x1es\x1d{text}\x1fz\x1f".encode())
        assert not re.search(pattern, f"\x1fx\x1es\x1d{text}.\x1fx\x1es\x1d.{text}\x1f".encode())


def test_mysql_compares_each_excluded_value_separately() -> None:
    text, _ = _written(MYSQL, *_unwanted(*TEXTS))
    assert text.count("instr(") == len(TEXTS)
    assert "REGEXP" not in text


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL, MARIADB])
def test_few_excluded_values_are_separate_comparisons(dialect: Dialect) -> None:
    text, _ = _written(dialect, *_unwanted(*TEXTS[:4]))
    assert len(re.findall(r"instr\(|position\(", text)) == 4


def test_mariadb_splits_long_expressions_of_excluded_values() -> None:
    text, _ = _written(MARIADB, *_unwanted(*(f"{number:04}" + "é" * 1000 for number in range(20))))
    assert text.count("REGEXP") == 7
