# SPDX-License-Identifier: Apache-2.0
"""Lists read only the rows that they return, in order, from an index."""

import gc
import sqlite3
import weakref
from contextlib import closing

import pytest

from freezer_api.documents.registry import KINDS
from freezer_api.repository import query as q
from freezer_api.repository.sql import compiled as module
from freezer_api.repository.sql.compiled import compile_select
from freezer_api.repository.sql.schema import TABLES
from freezer_api.repository.sql.search import Search
from tests.contract.asking import CLIENTS, JOBS, is_, job
from tests.stores.hot_lists import SCOPES, hot_lists


@pytest.fixture
def plan(repository, statements, path):
    """Return the query plan of the only statement that the call sends."""

    def _plan(call):
        statements.clear()
        call()
        (statement,) = statements
        with closing(sqlite3.connect(path)) as connection:
            return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]

    return _plan


@pytest.mark.parametrize("hot", hot_lists(*KINDS))
def test_hot_list_is_read_from_its_index(plan, repository, hot):
    for call, is_after in hot.pages(repository):
        compared = [*(f"{column}=?" for column in hot.equal), *(["created>?"] if is_after else [])]
        step = f"freezer_{hot.kind.name} USING INDEX {hot.index}"
        assert plan(call) == [f"SEARCH {step} ({' AND '.join(compared)})" if compared else f"SCAN {step}"]


def test_list_of_a_user_reads_no_row_of_other_projects(repository, path):
    repository.create(JOBS, "one", job("one"))
    search = Search(TABLES["jobs"], q.Query((SCOPES["user_id"].condition,)), takes_lists=True)
    statement, values = compile_select(search.statement).bind(search.values)
    with closing(sqlite3.connect(path)) as connection:
        operations = {row[1] for row in connection.execute(f"EXPLAIN {statement}", values)}
    # SQLite reads the row only if the statement needs a column that is not in the index.
    assert "DeferredSeek" in operations


def test_clients_that_a_project_sees_are_read_from_two_indexes(plan, repository):
    seen = q.Any((is_("project_id", "ann"), is_("reach", "all_projects")))
    steps = plan(lambda: repository.search(CLIENTS, q.Query((seen,))))
    for index in ("ix_freezer_clients_project_id (project_id=?)", "ix_freezer_clients_reach (reach=?)"):
        assert any(step.endswith(f"USING INDEX {index}") for step in steps), steps


def test_get_and_search_by_id_use_the_key(plan, repository):
    by_key = ["SEARCH freezer_jobs USING INDEX sqlite_autoindex_freezer_jobs_1 (key=?)"]

    assert plan(lambda: repository.get(JOBS, "one")) == by_key
    assert plan(lambda: repository.search(JOBS, q.Query((is_("job_id", "one"), is_("user_id", "ann"))))) == by_key


def test_total_is_counted_in_the_index_and_in_the_same_statement(plan, repository):
    steps = plan(lambda: repository.search(JOBS, q.Query((SCOPES["user_id"].condition,), with_total=True)))

    assert "SEARCH freezer_jobs USING COVERING INDEX ix_freezer_jobs_user_id_project_id (user_id=?)" in steps
    assert "SEARCH freezer_jobs USING INDEX ix_freezer_jobs_user_id_project_id (user_id=?)" in steps


def test_database_selects_the_rows_of_the_page(repository, statements):
    for n in range(30):
        repository.create(JOBS, f"job{n}", job("any", n=n % 3))
    conditions = (is_("n", 1), q.HasWords(None, ("ann",)))
    statements.clear()

    assert len(repository.search(JOBS, q.Query(conditions, limit=4, offset=2)).items) == 4
    (statement,) = statements
    assert statement.split()[-4:] == ["LIMIT", "5", "OFFSET", "2"]


def test_statements_are_compiled_once(repository, monkeypatch):
    """Queries with other values and other free names use the same statement."""

    def _call_all(number):
        words = tuple(f"word{n}" for n in range(20 + number))
        conditions = (is_("user_id", f"user{number}"), is_(f"*name{number}", number), q.HasWords(None, words))
        repository.search(
            JOBS, q.Query(conditions, f"exact{number}", limit=5 + number, offset=number, with_total=True)
        )
        repository.get(JOBS, f"job{number}")
        stored = repository.create(JOBS, f"job{number}", job(f"job{number}"))
        stored = repository.replace(JOBS, f"job{number}", job(f"job{number}"), stored.token)
        repository.delete(JOBS, f"job{number}", stored.token)
        return len(compiled), len(repository.writing._compiled_cache)

    compiled = []
    compile_ = module.CompiledSelect
    monkeypatch.setattr(
        module, "CompiledSelect", lambda statement: compiled.append(statement) or compile_(statement)
    )
    assert len({_call_all(number) for number in range(5)}) == 1


def test_large_statements_are_not_kept(repository):
    """A compiled condition uses several KiB of memory, and a search may have a hundred conditions."""
    references = []
    for number in range(40):
        conditions = tuple(is_(f"*k{n}", n) for n in range(60 + number))
        repository.search(JOBS, q.Query(conditions))
        statement = Search(TABLES["jobs"], q.Query(conditions), takes_lists=True).statement
        references.append(weakref.ref(statement))
    del statement
    gc.collect()
    assert sum(reference() is not None for reference in references) <= 17
