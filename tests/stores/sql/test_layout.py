# SPDX-License-Identifier: Apache-2.0
"""Create, upgrade and remove the tables of every kind of database, alone or concurrently."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, make_url

from freezer_api.documents.registry import KINDS
from freezer_api.errors import CommandError
from freezer_api.repository import query as q
from freezer_api.repository.sql import admin, dialects
from freezer_api.repository.sql.schema import METADATA, VERSION_TABLE
from tests.contract import databases
from tests.contract.asking import JOBS, found, is_, job
from tests.contract.drivers import find_driver
from tests.support.needs import SQL, on

KIND_NAMES = [kind.name for kind in KINDS]
TABLES = sorted([VERSION_TABLE, *METADATA.tables])

SYNC = """
import os, signal, sys
from sqlalchemy import event
from freezer_api.repository.sql.admin import sync
from tests.contract import databases

made = databases.admin(sys.argv[1])
changes = []

@event.listens_for(made.engine, "before_cursor_execute")
def _note(_connection, _cursor, statement, *_):
    if statement.lstrip().startswith(("CREATE", "INSERT", "UPDATE")):
        changes.append(statement)
        if len(changes) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

sys.stdin.readline()
print(sync(made.engine))
made.close()
"""

CHANGES = len(METADATA.tables) + sum(len(table.indexes) for table in METADATA.tables.values()) + 3
"""Tables and indexes, and the statements for Alembic's version."""


SLOW = [pytest.mark.slow]


@pytest.fixture(params=on("sqlite", *SQL))
def name(request):
    return request.param


@pytest.fixture
def database(name, tmp_path, sql_servers):
    """The URL of an empty database, or the path of a SQLite file that does not exist."""
    return str(tmp_path / "freezer.sqlite") if name == "sqlite" else sql_servers.database(name)


@pytest.fixture
def made(database):
    """The administration of the store in the database."""
    with closing(databases.admin(database)) as made:
        yield made


@pytest.fixture
def opened(name, database):
    """Return a function that opens the repository in the database."""
    return lambda: closing(find_driver(name).open_repository(database))


@pytest.fixture
def is_complete(made, opened):
    """Return a function that checks that all tables are current and usable."""

    def _is_complete():
        with made.engine.connect() as connection:
            options = {"compare_type": True, "include_name": lambda name, *_: name != VERSION_TABLE}
            assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []
        assert made.show() == TABLES
        assert made.pending(KIND_NAMES) == []
        with opened() as repository:
            assert repository.create(JOBS, "one", job("one")).version == 1

    return _is_complete


def sync(made):
    made.sync(KIND_NAMES, erase=lambda _question: False)


def execute(made, *statements):
    with made.engine.connect() as connection:
        for statement in statements:
            result = connection.exec_driver_sql(statement)
        rows = [tuple(row) for row in result] if result.returns_rows else []
        connection.commit()
    return rows


def start_sync(database, *, killed_at=0):
    return subprocess.Popen(
        [sys.executable, "-c", SYNC, database, str(killed_at)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=os.getcwd(),
    )


def test_sync_creates_the_defined_tables_and_a_second_one_nothing(made, is_complete):
    assert made.show() is None
    assert made.pending(["jobs"]) == ["freezer_jobs: would be created"]
    sync(made)
    assert admin.sync(made.engine) is False

    is_complete()
    assert made.notes() == made.foreign(["jobs"]) == []
    assert "no settings" in made.update_settings()


SCHEDULES = {f"job{number}": {"current_pid": number} for number in range(250)}
DOCUMENTS = {key: job(key, job_schedule=schedule) for key, schedule in SCHEDULES.items()}


@pytest.fixture
def is_indexed_again(opened):
    """A function that checks that the index of ``DOCUMENTS`` is that of this release."""

    def _is_indexed_again():
        with opened() as repository:
            stored = repository.get(JOBS, "job249")
            assert (stored.document, stored.version) == (DOCUMENTS["job249"], 3)
            assert found(repository, q.HasWords(None, ("249",))) == []
            assert found(repository, q.HasWords("job_schedule.current_pid", ("249",))) == ["job249"]
            assert found(repository, is_("job_schedule.current_pid", 249)) == ["job249"]
            assert len(found(repository, q.HasWords(None, ("host",)))) == 250

    return _is_indexed_again


@pytest.mark.parametrize("version", ["0002", *(pytest.param(f"000{n}", marks=SLOW) for n in (3, 4, 5))])
def test_sync_upgrades_every_former_layout(made, version, is_indexed_again, is_complete):
    databases.fill_former_layout(made, version, DOCUMENTS)
    assert made.pending(["jobs"]) == [f"freezer_jobs: would be upgraded from version {version}"]
    sync(made)

    is_indexed_again()
    is_complete()


def test_one_of_several_concurrent_syncs_creates_the_tables(database, is_complete):
    processes = [start_sync(database) for _ in range(3)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=300)[0].strip() for process in processes]

    assert sorted(answers) == ["False"] * 2 + ["True"]
    is_complete()


@pytest.mark.parametrize(
    "number",
    [pytest.param(number, marks=[] if number in (4, 12, CHANGES) else SLOW) for number in range(1, CHANGES + 1)],
)
def test_interrupted_sync_is_completed_by_the_next(made, database, is_complete, number):
    with closing(databases.admin(database)) as first, pytest.raises(_Interrupted):
        _sync_until(first, number)
    sync(made)
    is_complete()


@pytest.mark.parametrize(
    "number", [pytest.param(number, marks=[] if number == 8 else SLOW) for number in range(1, 24)]
)
def test_interrupted_upgrade_is_completed_by_the_next(made, database, is_complete, is_indexed_again, number):
    databases.fill_former_layout(made, "0002", DOCUMENTS)
    with closing(databases.admin(database)) as first, pytest.raises(_Interrupted):
        _sync_until(first, number)
    sync(made)
    is_indexed_again()
    is_complete()


class _Interrupted(Exception):
    pass


def _sync_until(made, number):
    """Sync, and raise ``_Interrupted`` before the change with this number."""
    changes = []

    @event.listens_for(made.engine, "before_cursor_execute")
    def _note(_connection, _cursor, statement, *_):
        if statement.lstrip().startswith(("CREATE", "DROP", "ALTER", "INSERT", "UPDATE")):
            changes.append(statement)
            if len(changes) == number:
                raise _Interrupted

    sync(made)


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 4, 9, 16, 22])
def test_killed_sync_is_completed_by_the_next(made, database, is_complete, number):
    process = start_sync(database, killed_at=number)
    process.communicate("go\n", timeout=300)
    assert process.returncode == -signal.SIGKILL
    sync(made)
    is_complete()


@pytest.mark.parametrize("name", on(*SQL), indirect=True)
def test_sync_times_out_while_another_process_has_the_lock(made, database, monkeypatch):
    monkeypatch.setattr(dialects, "_SCHEMA_LOCK_TIMEOUT", 1)
    with (
        closing(databases.admin(database)) as other,
        other.engine.connect() as connection,
        dialects.schema_lock(connection),
        pytest.raises(CommandError, match="timed out waiting for another freezer-manage"),
    ):
        sync(made)
    sync(made)


@pytest.mark.parametrize("name", on("postgresql"), indirect=True)
def test_connection_lost_while_waiting_for_the_lock_is_an_error(made, database, sql_servers):
    server = sql_servers.server("postgresql")
    with closing(server.connect(make_url(database).database)) as other, ThreadPoolExecutor(1) as thread:
        other.cursor().execute(f"SELECT pg_advisory_lock({dialects._LOCK_CLASS}, {dialects._SCHEMA_LOCK})")
        syncing = thread.submit(sync, made)
        while not server.run("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert not syncing.done()
        server.kill_connections()
        with pytest.raises(CommandError, match=r"^cannot use \S+: "):
            syncing.result(20)


def test_newer_layout_is_refused(made):
    sync(made)
    execute(made, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    for call in (lambda: sync(made), lambda: made.pending(["jobs"])):
        with pytest.raises(CommandError, match=r"^cannot use .*: its layout 9999 is of a newer release"):
            call()
    assert made.show() == TABLES


@pytest.mark.parametrize("name", on("mariadb", "postgresql"), indirect=True)
def test_table_that_disappears_is_an_error_in_one_line(made, database):
    sync(made)
    with closing(databases.admin(database)) as other:

        @event.listens_for(made.engine, "before_cursor_execute")
        def _drop(_connection, _cursor, statement, *_):
            if statement.startswith(f"SELECT {VERSION_TABLE}."):
                execute(other, f"DROP TABLE {VERSION_TABLE}")

        with pytest.raises(CommandError, match=rf"^cannot use \S+: .*{VERSION_TABLE}.* exist") as caught:
            sync(made)
    assert "\n" not in str(caught.value)


def test_remove_drops_all_tables_and_sync_creates_them_again(made, is_complete):
    sync(made)
    assert made.remove(KIND_NAMES, test_only=True) == KIND_NAMES
    assert made.show() == TABLES
    assert made.remove(KIND_NAMES) == KIND_NAMES
    assert made.show() is None
    assert made.remove(KIND_NAMES) == []
    sync(made)
    is_complete()


def test_remove_of_one_kind_deletes_its_documents(made, opened):
    sync(made)
    with opened() as repository:
        for kind in KINDS:
            repository.create(kind, "one", {})
        assert made.remove(["jobs"]) == ["jobs"]
        assert [found(repository, kind=kind) for kind in KINDS] == [["one"], ["one"], [], ["one"], ["one"]]


def test_tables_of_the_original_are_left_alone_and_reported(made, opened):
    execute(
        made,
        "CREATE TABLE alembic_version (version_num VARCHAR(32))",
        "INSERT INTO alembic_version VALUES ('7a3b9c1d2e4f')",
        "CREATE TABLE jobs (id VARCHAR(36) PRIMARY KEY, project_id VARCHAR(36), deleted INTEGER)",
        "CREATE TABLE clients (id VARCHAR(36) PRIMARY KEY)",
    )
    sync(made)
    assert made.notes() == []
    execute(made, "INSERT INTO jobs VALUES ('j1', 'p1', 0)")
    sync(made)

    (note,) = made.notes()
    assert "in the same database (jobs)" in note
    assert "'freezer-manage import --from-sql database'" in note
    with opened() as repository:
        repository.create(JOBS, "one", job("one"))
    assert made.notes() == []
    made.remove(KIND_NAMES)
    assert execute(made, "SELECT version_num FROM alembic_version") == [("7a3b9c1d2e4f",)]
    assert execute(made, "SELECT id FROM jobs") == [("j1",)]


@pytest.mark.parametrize("name", on(*SQL), indirect=True)
class TestConnecting:
    def test_unreachable_server_is_retried_and_logged(self, database, caplog):
        url = make_url(database).set(port=1).render_as_string(hide_password=False)
        with closing(databases.admin(url, retries=2, interval=0.01)) as made:
            for call in (lambda: sync(made), made.show, lambda: made.pending(["jobs"])):
                caplog.clear()
                with pytest.raises(CommandError, match=r"^cannot use \S+://127.0.0.1:1/freezer\d+: .*refused"):
                    call()
                assert len(caplog.messages) == 2
                assert all("cannot be reached, trying again in 0.01 s: " in line for line in caplog.messages)
                assert databases.PASSWORD not in caplog.text

    @pytest.mark.parametrize("part", [{"password": "wrong"}, {"database": "nowhere"}])
    def test_refused_connection_is_not_retried(self, database, caplog, part):
        url = make_url(database).set(**part).render_as_string(hide_password=False)
        with closing(databases.admin(url, retries=-1)) as made, pytest.raises(CommandError) as refusal:
            sync(made)
        assert "\n" not in str(refusal.value)
        assert not caplog.records
