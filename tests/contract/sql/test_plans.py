"""The hot lists read what they show and nothing else: an index gives them in order, whatever the table holds."""

import gc
import sqlite3
import weakref
from contextlib import closing

import pytest

from freezer_api.documents.registry import KINDS
from freezer_api.operations.scope import Scope
from freezer_api.repository import query as q
from freezer_api.repository.protocol import Original
from freezer_api.repository.sql import compiled as module
from freezer_api.repository.sql import search
from freezer_api.repository.sql.compiled import compile_select
from freezer_api.repository.sql.schema import TABLES
from freezer_api.repository.sql.search import Search
from tests.contract.asking import CLIENTS, JOBS, is_, job, keys_of

POSITION = q.Position(1, 10, "x")
SCOPES = {"user_id": Scope("user_id", "ann", "ann", "red"), "project_id": Scope("project_id", "red", "ann", "red")}
NOT_COMPLETED = q.Not(is_("job_schedule.status", "completed"))


@pytest.fixture
def plan(repository, asked, path):
    """The plan of the only statement that the call sends."""

    def _plan(call):
        asked.clear()
        call()
        (statement,) = asked
        with closing(sqlite3.connect(path)) as connection:
            return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]

    return _plan


@pytest.fixture
def pages(repository):
    """Searches of the first page, of one by offset, and of one behind a position."""

    def _pages(kind, *conditions):
        for more, bound in (({}, ""), ({"offset": 50}, ""), ({"after": POSITION}, " AND created>?")):
            yield lambda more=more: repository.search(kind, q.Query(conditions, **more)), bound

    return _pages


@pytest.mark.parametrize("owner", ["user_id", "project_id"])
def test_what_a_scheduler_polls(plan, pages, owner):
    index = f"ix_freezer_jobs_{owner}_client_id"
    for call, bound in pages(JOBS, SCOPES[owner].condition, is_("client_id", "host"), NOT_COMPLETED):
        assert plan(call) == [f"SEARCH freezer_jobs USING INDEX {index} ({owner}=? AND client_id=?{bound})"]


@pytest.mark.parametrize("owner", ["user_id", "project_id"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_list_of_an_owner(plan, pages, kind, owner):
    table = f"freezer_{kind.name}"
    index = f"ix_{table}_{owner}" + ("_project_id" if owner == "user_id" else "")
    for conditions in ((), (is_("*free", "a"), q.HasWords(None, ("b",)), q.Not(q.HasValue("c")))):
        for call, bound in pages(kind, SCOPES[owner].condition, *conditions):
            assert plan(call) == [f"SEARCH {table} USING INDEX {index} ({owner}=?{bound})"]


def test_the_list_of_a_user_reads_no_row_of_other_projects(repository, path):
    repository.create(JOBS, "one", job("one"))
    search = Search(TABLES["jobs"], q.Query((SCOPES["user_id"].condition,)), takes_lists=True)
    statement, values = compile_select(search.statement).bind(search.values)
    with closing(sqlite3.connect(path)) as connection:
        operations = {row[1] for row in connection.execute(f"EXPLAIN {statement}", values)}
    # SQLite seeks the row only when a column is needed that the index does not hold.
    assert "DeferredSeek" in operations


@pytest.mark.parametrize("owner", ["user_id", "project_id"])
def test_the_clients_of_one_name(plan, pages, owner):
    index = f"ix_freezer_clients_{owner}_client_id"
    for call, bound in pages(CLIENTS, SCOPES[owner].condition, is_("client.client_id", "host")):
        assert plan(call) == [f"SEARCH freezer_clients USING INDEX {index} ({owner}=? AND client_id=?{bound})"]


def test_what_a_scheduler_of_all_projects_polls(plan, pages):
    for call, bound in pages(JOBS, is_("client_id", "host"), NOT_COMPLETED):
        assert plan(call) == [f"SEARCH freezer_jobs USING INDEX ix_freezer_jobs_client_id (client_id=?{bound})"]


@pytest.mark.parametrize("owners", [(), ("user_id",), ("project_id",)])
def test_the_jobs_of_a_client(plan, pages, owners):
    index = f"ix_freezer_jobs_{'_'.join((*owners, 'client_id'))}"
    fixed = "".join(f"{owner}=? AND " for owner in owners) + "client_id=?"
    for more in ((), (is_("job_schedule.status", "scheduled"),)):
        of_client = [*(SCOPES[owner].condition for owner in owners), is_("client_id", "host")]
        for call, bound in pages(JOBS, *of_client, *more):
            assert plan(call) == [f"SEARCH freezer_jobs USING INDEX {index} ({fixed}{bound})"]


def test_the_jobs_of_all_projects(plan, pages):
    for conditions in ((), (NOT_COMPLETED,)):
        for call, _ in pages(JOBS, *conditions):
            (step,) = plan(call)
            assert "freezer_jobs USING INDEX ix_freezer_jobs_created" in step


def test_the_clients_that_a_project_sees(plan, repository):
    seen = q.Any((is_("project_id", "ann"), is_("reach", "all_projects")))
    steps = plan(lambda: repository.search(CLIENTS, q.Query((seen,))))
    indexes = ("ix_freezer_clients_project_id (project_id=?)", "ix_freezer_clients_reach (reach=?)")
    for index in indexes:
        assert any(step.endswith(f"USING INDEX {index}") for step in steps), steps


def test_get_and_search_by_the_id(plan, repository):
    by_key = ["SEARCH freezer_jobs USING INDEX sqlite_autoindex_freezer_jobs_1 (key=?)"]

    assert plan(lambda: repository.get(JOBS, "one")) == by_key
    assert plan(lambda: repository.search(JOBS, q.Query((is_("job_id", "one"), is_("user_id", "ann"))))) == by_key


def test_a_total_reads_the_index_alone(plan, repository):
    steps = plan(lambda: repository.search(JOBS, q.Query((SCOPES["user_id"].condition,), with_total=True)))

    assert "SEARCH freezer_jobs USING COVERING INDEX ix_freezer_jobs_user_id_project_id (user_id=?)" in steps
    assert "SEARCH freezer_jobs USING INDEX ix_freezer_jobs_user_id_project_id (user_id=?)" in steps


def test_the_database_alone_picks_and_cuts(repository, asked):
    for n in range(30):
        repository.create(JOBS, f"job{n}", job("any", n=n % 3))
    conditions = (is_("n", 1), q.HasWords(None, ("ann",)))
    asked.clear()

    assert len(repository.search(JOBS, q.Query(conditions, limit=4, offset=2)).items) == 4
    (statement,) = asked
    assert statement.split()[-4:] == ["LIMIT", "5", "OFFSET", "2"]


def test_page_and_total_are_of_one_moment(repository, asked):
    repository.create(JOBS, "one", job("one"))
    asked.clear()
    page = repository.search(JOBS, q.Query(with_total=True))

    assert (keys_of(page), page.total) == (["one"], 1)
    assert len(asked) == 1


def test_statements_are_made_once(repository, monkeypatch):
    """Other values and other free names, the same statement."""

    def _ask(number):
        words = tuple(f"word{n}" for n in range(20 + number))
        conditions = (is_("user_id", f"user{number}"), is_(f"*name{number}", number), q.HasWords(None, words))
        repository.search(
            JOBS, q.Query(conditions, f"exact{number}", limit=5 + number, offset=number, with_total=True)
        )
        repository.get(JOBS, f"job{number}")
        stored = repository.create(JOBS, f"job{number}", job(f"job{number}"))
        stored = repository.replace(JOBS, f"job{number}", job(f"job{number}"), stored.token)
        repository.delete(JOBS, f"job{number}", stored.token)
        return len(compiled), len(repository._access.writing._compiled_cache)

    compiled = []
    made = module.CompiledSelect
    monkeypatch.setattr(module, "CompiledSelect", lambda statement: compiled.append(statement) or made(statement))
    assert len({_ask(number) for number in range(5)}) == 1


def test_large_statements_are_not_kept(repository):
    """A condition takes several KiB, and a search may have a hundred."""
    references = []
    for number in range(40):
        conditions = tuple(is_(f"*k{n}", n) for n in range(60 + number))
        repository.search(JOBS, q.Query(conditions))
        statement = search.Search(TABLES["jobs"], q.Query(conditions), takes_lists=True).statement
        references.append(weakref.ref(statement))
    del statement
    gc.collect()
    assert sum(reference() is not None for reference in references) <= 17


def test_the_order_within_one_microsecond_is_that_of_the_keys(repository):
    repository.restore(JOBS, [Original(key, job(key), 1, 1_700_000_000_000_000) for key in ("c", "a", "d", "b")])
    first = repository.search(JOBS, q.Query(limit=3))

    assert keys_of(first) == ["a", "b", "c"]
    assert first.next == q.Position(1, 1_700_000_000_000_000, "c")
    assert keys_of(repository.search(JOBS, q.Query(limit=3, after=first.next))) == ["d"]
