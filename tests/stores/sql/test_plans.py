"""The hot lists on the servers: one round trip each, and an index that gives the rows in order."""

import json
import uuid

import pytest
from sqlalchemy import event, make_url

from freezer_api.documents.registry import KINDS
from freezer_api.operations.scope import Scope
from freezer_api.repository import query as q
from tests.contract import databases
from tests.contract.asking import CLIENTS, JOBS, is_, job, keep

POSITION = q.Position(1, 10, "x")
NOT_COMPLETED = q.Not(is_("job_schedule.status", "completed"))
SCOPES = {"user_id": Scope("user_id", "u1", "u1", "p1"), "project_id": Scope("project_id", "p1", "u1", "p1")}
LISTS = {"user_id": "user_id_project_id", "project_id": "project_id"}


@pytest.fixture(scope="module")
def filled(server):
    """Enough rows, of many owners and clients, for a plan that counts on them."""
    address = databases.make(server.name)
    repository = databases.open_repository(address)
    for n in range(300):
        # As large as real ones, and not to be compressed: of a small table all is read.
        more = {"description": " ".join(uuid.uuid4().hex for _ in range(40))}
        owner = {"user_id": f"u{n % 30}", "project_id": f"p{n % 30}"}
        keep(repository, f"job{n}", **owner, client_id=f"c{n % 7}", **more)
        repository.create(CLIENTS, f"client{n}", {**owner, "client": {"client_id": f"c{n % 7}", **more}})
    analyze = "ANALYZE TABLE freezer_jobs, freezer_clients" if _is_mariadb(repository) else "ANALYZE"
    server.run(analyze, database=make_url(address).database)
    yield repository
    repository.close()


def _is_mariadb(repository):
    return repository._access.engine.dialect.name == "mysql"


@pytest.fixture
def plan(filled):
    """Of the only statement that the call sends: names of the indexes in use, and whether rows are sorted."""
    asked = []

    def _note(_connection, _cursor, statement, parameters, _context, _many):
        asked.append((statement, parameters))

    def _plan(call, *, may_sort=False):
        asked.clear()
        call()
        ((statement, parameters),) = asked
        # Of two in one message the last one.
        statement = statement.rpartition("; ")[2]
        with filled._access.engine.connect() as connection:
            if _is_mariadb(filled):
                return _on_mariadb(connection, statement, parameters)
            return _on_postgresql(connection, statement, parameters, may_sort=may_sort)

    filled.check()
    event.listen(filled._access.engine, "before_cursor_execute", _note)
    yield _plan
    event.remove(filled._access.engine, "before_cursor_execute", _note)


def _on_mariadb(connection, statement, parameters):
    rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).mappings().all()
    return {row["key"] for row in rows}, any("filesort" in (row["Extra"] or "") for row in rows)


def _on_postgresql(connection, statement, parameters, *, may_sort):
    # An owner has few rows here, and few rows are sorted as well. What is asked is whether they need not be.
    ways = ("enable_seqscan", "enable_bitmapscan", *(() if may_sort else ("enable_sort",)))
    connection.exec_driver_sql("".join(f"SET {way} = off;" for way in ways))
    text = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar()
    connection.exec_driver_sql("".join(f"RESET {way};" for way in ways))
    nodes = list(_nodes((json.loads(text) if isinstance(text, str) else text)[0]["Plan"]))
    return {node.get("Index Name") for node in nodes}, any(node["Node Type"] == "Sort" for node in nodes)


def _nodes(plan):
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def pages(repository, kind, *conditions):
    """Searches of the first page, of one by offset, and of one behind a position."""
    for more in ({}, {"offset": 50}, {"after": POSITION}):
        yield lambda more=more: repository.search(kind, q.Query(conditions, **more))


def uses(plan, call, index):
    indexes, sorts = plan(call)
    assert index in indexes
    assert not sorts


@pytest.mark.parametrize("owner", SCOPES)
def test_what_a_scheduler_polls(plan, filled, owner):
    for call in pages(filled, JOBS, SCOPES[owner].condition, is_("client_id", "c1"), NOT_COMPLETED):
        uses(plan, call, f"ix_freezer_jobs_{owner}_client_id")


def test_what_a_scheduler_of_all_projects_polls(plan, filled):
    for call in pages(filled, JOBS, is_("client_id", "c1"), NOT_COMPLETED):
        uses(plan, call, "ix_freezer_jobs_client_id")


@pytest.mark.parametrize("owner", SCOPES)
def test_the_jobs_of_a_client(plan, filled, owner):
    for call in pages(filled, JOBS, SCOPES[owner].condition, is_("client_id", "c1")):
        uses(plan, call, f"ix_freezer_jobs_{owner}_client_id")


def test_the_jobs_of_all_projects(plan, filled):
    for conditions in ((), (NOT_COMPLETED,)):
        for call in pages(filled, JOBS, *conditions):
            uses(plan, call, "ix_freezer_jobs_created")


@pytest.mark.parametrize("owner", SCOPES)
@pytest.mark.parametrize("kind", [JOBS, CLIENTS], ids=lambda kind: kind.name)
def test_the_list_of_an_owner(plan, filled, kind, owner):
    for conditions in ((), (is_("*free", "a"), q.HasWords(None, ("b",)), q.Not(q.HasValue("c")))):
        for call in pages(filled, kind, SCOPES[owner].condition, *conditions):
            uses(plan, call, f"ix_freezer_{kind.name}_{LISTS[owner]}")


@pytest.mark.parametrize("owner", SCOPES)
def test_the_clients_of_one_name(plan, filled, owner):
    for call in pages(filled, CLIENTS, SCOPES[owner].condition, is_("client.client_id", "c1")):
        uses(plan, call, f"ix_freezer_clients_{owner}_client_id")


def test_get_and_search_by_the_id(plan, filled):
    primary = "PRIMARY" if _is_mariadb(filled) else "freezer_jobs_pkey"
    uses(plan, lambda: filled.get(JOBS, "job1"), primary)
    indexes, _ = plan(lambda: filled.search(JOBS, q.Query((is_("job_id", "job1"),))), may_sort=True)
    assert primary in indexes


def test_a_total_costs_no_further_round_trip_and_uses_the_index(plan, filled):
    indexes, _ = plan(lambda: filled.search(JOBS, q.Query((SCOPES["user_id"].condition,), with_total=True)))

    assert "ix_freezer_jobs_user_id_project_id" in indexes


def test_every_call_is_one_statement(repository, asked):
    stored = repository.create(JOBS, "one", job("one"))
    stored = repository.replace(JOBS, "one", job("one"), stored.token)
    repository.get(JOBS, "one")
    repository.check()
    repository.delete(JOBS, "one", stored.token)

    assert len(asked) == 5


def test_the_server_is_asked_for_nothing_else(repository, server, asked):
    """No ping, no BEGIN, no COMMIT: what the server itself counts."""
    before = _questions(repository, server)
    for _ in range(100):
        repository.get(JOBS, "one")
    # What it takes to ask for the count, and to connect, is in it as well.
    assert _questions(repository, server) - before < 100 + 30


def _questions(repository, server):
    if server.name == "mariadb":
        return int(server.run("SHOW GLOBAL STATUS LIKE 'Questions'")[0][1])
    # It counts transactions, of which every statement is one; what a session did is seen when it has been idle.
    repository._access.engine.dispose()
    counted = "SELECT pg_stat_clear_snapshot(), xact_commit FROM pg_stat_database WHERE datname LIKE 'freezer%'"
    return sum(row[1] for row in server.run(counted))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_is_created_in_its_turn_with_the_time_of_the_server(repository, admin, kind):
    first, second = (repository.create(kind, key, {}) for key in ("one", "two"))
    rows = admin(f"SELECT created FROM freezer_{kind.name} ORDER BY created")

    assert [int(stored.token.split(".")[0]) for stored in (first, second)] == [row[0] for row in rows]
    assert rows[0] < rows[1]


@pytest.mark.parametrize(
    ("kind", "index"), [(JOBS, "ix_freezer_jobs_created"), (CLIENTS, "ix_freezer_clients_created")]
)
def test_a_new_document_finds_the_newest(plan, filled, kind, index):
    uses(plan, lambda: filled.create(kind, f"new {uuid.uuid4().hex}", job("any")), index)
