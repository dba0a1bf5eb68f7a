# SPDX-License-Identifier: Apache-2.0
"""Each list is one round trip to the server, and reads its rows in order from an index."""

import json
import uuid

import pytest
from sqlalchemy import event, make_url

from freezer_api.documents.registry import KINDS
from freezer_api.repository import query as q
from tests.contract import databases
from tests.contract.asking import CLIENTS, JOBS, is_, job, keep
from tests.stores.hot_lists import SCOPES, hot_lists


@pytest.fixture(scope="module")
def filled(server):
    """A store with enough rows of many owners and clients for realistic plans."""
    address = databases.make(server.name)
    repository = databases.open_repository(address)
    for n in range(300):
        # Realistic documents that compress badly. A small table would be read without an index.
        more = {"description": " ".join(uuid.uuid4().hex for _ in range(40))}
        owner = {"user_id": f"u{n % 30}", "project_id": f"p{n % 30}"}
        keep(repository, f"job{n}", **owner, client_id=f"c{n % 7}", **more)
        repository.create(CLIENTS, f"client{n}", {**owner, "client": {"client_id": f"c{n % 7}", **more}})
    analyze = "ANALYZE TABLE freezer_jobs, freezer_clients" if _is_mariadb(repository) else "ANALYZE"
    server.run(analyze, database=make_url(address).database)
    yield repository
    repository.close()


def _is_mariadb(repository):
    return repository.engine.dialect.name == "mysql"


@pytest.fixture
def plan(filled):
    """Return the indexes that the only statement of the call uses, and whether it sorts rows."""
    sent = []

    def _note(_connection, _cursor, statement, parameters, _context, _many):
        sent.append((statement, parameters))

    def _plan(call, *, may_sort=False):
        sent.clear()
        call()
        ((statement, parameters),) = sent
        # If two statements were sent in one message, use the last.
        statement = statement.rpartition("; ")[2]
        with filled.engine.connect() as connection:
            if _is_mariadb(filled):
                return _on_mariadb(connection, statement, parameters)
            return _on_postgresql(connection, statement, parameters, may_sort=may_sort)

    filled.check()
    event.listen(filled.engine, "before_cursor_execute", _note)
    yield _plan
    event.remove(filled.engine, "before_cursor_execute", _note)


def _on_mariadb(connection, statement, parameters):
    rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).mappings().all()
    return {row["key"] for row in rows}, any("filesort" in (row["Extra"] or "") for row in rows)


def _on_postgresql(connection, statement, parameters, *, may_sort):
    # The server may sort the few rows of an owner although an index has them in order.
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


def uses(plan, call, index):
    indexes, sorts = plan(call)
    assert index in indexes
    assert not sorts


@pytest.mark.parametrize("hot", hot_lists(JOBS, CLIENTS))
def test_hot_list_is_read_from_its_index(plan, filled, hot):
    for call, _ in hot.pages(filled):
        uses(plan, call, hot.index)


def test_get_and_search_by_id_use_the_primary_key(plan, filled):
    primary = "PRIMARY" if _is_mariadb(filled) else "freezer_jobs_pkey"
    uses(plan, lambda: filled.get(JOBS, "job1"), primary)
    indexes, _ = plan(lambda: filled.search(JOBS, q.Query((is_("job_id", "job1"),))), may_sort=True)
    assert primary in indexes


def test_total_is_counted_in_the_index_and_in_the_same_statement(plan, filled):
    indexes, _ = plan(lambda: filled.search(JOBS, q.Query((SCOPES["user_id"].condition,), with_total=True)))

    assert "ix_freezer_jobs_user_id_project_id" in indexes


def test_every_call_is_one_statement(repository, statements):
    stored = repository.create(JOBS, "one", job("one"))
    stored = repository.replace(JOBS, "one", job("one"), stored.token)
    repository.get(JOBS, "one")
    repository.check()
    repository.delete(JOBS, "one", stored.token)

    assert len(statements) == 5


@pytest.mark.usefixtures("statements")
def test_server_receives_no_other_statements(repository, server):
    """The counters of the server show that no ping, BEGIN or COMMIT was sent."""
    before = _count_statements(repository, server)
    for _ in range(100):
        repository.get(JOBS, "one")
    # The counter includes the statements that connect and that read the counter.
    assert _count_statements(repository, server) - before < 100 + 30


def _count_statements(repository, server):
    if server.name == "mariadb":
        return int(server.run("SHOW GLOBAL STATUS LIKE 'Questions'")[0][1])
    # PostgreSQL counts transactions, one for each statement, when a session becomes idle.
    repository.engine.dispose()
    counted = "SELECT pg_stat_clear_snapshot(), xact_commit FROM pg_stat_database WHERE datname LIKE 'freezer%'"
    return sum(row[1] for row in server.run(counted))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_documents_of_every_kind_get_the_time_of_the_server(repository, admin, kind):
    first, second = (repository.create(kind, key, {}) for key in ("one", "two"))
    rows = admin(f"SELECT created FROM freezer_{kind.name} ORDER BY created")

    assert [int(stored.token.split(".")[0]) for stored in (first, second)] == [row[0] for row in rows]
    assert rows[0] < rows[1]


@pytest.mark.parametrize(
    ("kind", "index"), [(JOBS, "ix_freezer_jobs_created"), (CLIENTS, "ix_freezer_clients_created")]
)
def test_creation_finds_the_newest_document_in_an_index(plan, filled, kind, index):
    uses(plan, lambda: filled.create(kind, f"new {uuid.uuid4().hex}", job("any")), index)
