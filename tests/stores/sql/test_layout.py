"""The tables on the servers: what makes them, alone or with others at it, and whose they are."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, make_url

from freezer_api.documents.registry import KINDS
from freezer_api.errors import CommandError
from freezer_api.repository import query as q
from freezer_api.repository.sql import dialects
from freezer_api.repository.sql.admin import migrations
from freezer_api.repository.sql.schema import METADATA, TABLES, VERSION_TABLE
from tests.contract import databases
from tests.contract.asking import JOBS, found, job
from tests.support.needs import on

KIND_NAMES = [kind.name for kind in KINDS]
OURS = sorted([VERSION_TABLE, *METADATA.tables])

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


@pytest.fixture
def database(server, sql_servers):
    """The URL of a database with nothing in it."""
    return sql_servers.database(server.name)


@pytest.fixture
def made(database):
    """Its administration."""
    with closing(databases.admin(database)) as made:
        yield made


def syncing(database, *, killed_at=0):
    return subprocess.Popen(
        [sys.executable, "-c", SYNC, database, str(killed_at)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=os.getcwd(),
    )


def differences(made):
    ours = {"compare_type": True, "include_name": lambda name, *_: name != VERSION_TABLE}
    with made.engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection, opts=ours), METADATA)


def is_whole(made, database):
    assert differences(made) == []
    assert made.show() == OURS
    with closing(databases.open_repository(database)) as repository:
        repository.check()
        assert repository.create(JOBS, "one", job("one")).version == 1


def sync(made):
    made.sync(KIND_NAMES, erase=lambda _question: False)


def test_migrations_make_what_the_definitions_say(made, database):
    assert made.show() is None
    assert made.plan(["jobs"]) == ["freezer_jobs: would be created"]
    sync(made)
    sync(made)

    is_whole(made, database)
    assert made.plan(["jobs"]) == ["freezer_jobs: is current"]
    assert made.notes() == []
    assert "no settings" in made.update_settings()


def test_documents_of_an_old_release_are_indexed_again(made, database):
    with made.engine.connect() as connection:
        command.upgrade(migrations(connection), "0004")
        connection.commit()
        for number in range(150):
            document = job(f"job{number}", job_schedule={"current_pid": number})
            row = {"key": f"job{number}", "created": 7, "version": 3, **TABLES["jobs"].contents(document)}
            connection.execute(TABLES["jobs"].table.insert().values({**row, "texts": f"\x1f{number}\x1f"}))
        connection.commit()
    sync(made)

    with closing(databases.open_repository(database)) as repository:
        assert found(repository, q.HasWords(None, ("149",))) == []
        assert found(repository, q.HasWords("job_schedule.current_pid", ("149",))) == ["job149"]
        assert len(found(repository, q.HasWords(None, ("host",)))) == 150


def test_by_several_processes_at_once(made, database):
    processes = [syncing(database) for _ in range(3)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60)[0].strip() for process in processes]

    assert sorted(answers) == ["False"] * 2 + ["True"]
    is_whole(made, database)


CHANGES = len(METADATA.tables) + sum(len(table.indexes) for table in METADATA.tables.values()) + 3
"""Tables and indexes, and what Alembic notes down."""


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(number, marks=[] if number in (4, 12, CHANGES) else [pytest.mark.slow])
        for number in range(1, CHANGES + 1)
    ],
)
def test_interrupted_anywhere_it_is_completed_by_the_next(made, database, number):
    with closing(databases.admin(database)) as first:
        assert _is_interrupted(first, number)
    sync(made)
    is_whole(made, database)


class _Interrupted(Exception):
    pass


def _is_interrupted(made, number):
    """Whether there was such a change, before which everything ended."""
    changes = []

    @event.listens_for(made.engine, "before_cursor_execute")
    def _note(_connection, _cursor, statement, *_):
        if statement.lstrip().startswith(("CREATE", "INSERT", "UPDATE")):
            changes.append(statement)
            if len(changes) == number:
                raise _Interrupted

    try:
        sync(made)
    except _Interrupted:
        return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 4, 9, 16, 22])
def test_killed_while_it_was_at_it(made, database, number):
    process = syncing(database, killed_at=number)
    process.communicate("go\n", timeout=60)
    assert process.returncode == -signal.SIGKILL
    sync(made)
    is_whole(made, database)


def test_who_waits_too_long_for_others_is_told(made, database, monkeypatch):
    monkeypatch.setattr(dialects, "_PATIENCE", 1)
    with (
        closing(databases.admin(database)) as other,
        other.engine.connect() as connection,
        dialects.alone(connection),
        pytest.raises(CommandError, match="another freezer-manage is at work"),
    ):
        sync(made)
    sync(made)


@pytest.mark.parametrize("server", on("postgresql"), indirect=True)
def test_who_loses_the_connection_while_others_are_at_it_is_told(made, database, server):
    with closing(server.connect(make_url(database).database)) as other, ThreadPoolExecutor(1) as thread:
        other.cursor().execute(f"SELECT pg_advisory_lock({dialects._OUR_LOCKS}, {dialects._UPKEEP})")
        syncing = thread.submit(sync, made)
        while not server.run("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            assert not syncing.done()
        server.kill_connections()
        with pytest.raises(CommandError, match=r"^cannot use \S+: "):
            syncing.result(20)


def test_a_newer_layout_is_refused(made, server, database):
    sync(made)
    server.run(f"UPDATE {VERSION_TABLE} SET version_num = '9999'", database=make_url(database).database)

    with pytest.raises(CommandError, match=r"cannot use \S+: its layout 9999 is of a newer release"):
        sync(made)
    with pytest.raises(CommandError, match=r"cannot use \S+: its layout 9999 is of a newer release"):
        made.plan(["jobs"])


def test_remove_takes_everything_of_ours_and_sync_makes_it_anew(made, database):
    sync(made)
    assert made.remove(KIND_NAMES, test_only=True) == KIND_NAMES
    assert made.show() == OURS
    assert made.remove(KIND_NAMES) == KIND_NAMES
    assert made.show() is None
    assert made.remove(KIND_NAMES) == []
    sync(made)
    is_whole(made, database)


def test_remove_of_one_kind_takes_its_documents(made, database):
    sync(made)
    with closing(databases.open_repository(database)) as repository:
        for kind in KINDS:
            repository.create(kind, "one", {})
        assert made.remove(["jobs"]) == ["jobs"]
        assert [found(repository, kind=kind) for kind in KINDS] == [["one"], ["one"], [], ["one"], ["one"]]


def test_the_tables_of_the_original_are_left_alone_and_spoken_of(made, server, database):
    name = make_url(database).database
    account = "freezer" if server.name == "postgresql" else "freezer@'127.0.0.1'"
    server.run(
        "CREATE TABLE alembic_version (version_num VARCHAR(32))",
        "INSERT INTO alembic_version VALUES ('7a3b9c1d2e4f')",
        "CREATE TABLE jobs (id VARCHAR(36) PRIMARY KEY, project_id VARCHAR(36), deleted INTEGER)",
        "CREATE TABLE clients (id VARCHAR(36) PRIMARY KEY)",
        f"GRANT SELECT ON jobs TO {account}",
        f"GRANT SELECT ON clients TO {account}",
        database=name,
    )
    sync(made)
    assert made.notes() == []
    server.run("INSERT INTO jobs VALUES ('j1', 'p1', 0)", database=name)
    sync(made)

    (note,) = made.notes()
    assert "in the same database (jobs)" in note
    assert "'freezer-manage import --from-sql database'" in note
    with closing(databases.open_repository(database)) as repository:
        repository.create(JOBS, "one", job("one"))
    assert made.notes() == []
    made.remove(KIND_NAMES)
    assert server.run("SELECT version_num FROM alembic_version", database=name) in (
        [("7a3b9c1d2e4f",)],
        [["7a3b9c1d2e4f"]],
    )
    assert len(server.run("SELECT id FROM jobs", database=name)) == 1


class TestAServerThat:
    def test_is_not_there_is_tried_again_and_that_is_said(self, database, caplog):
        url = make_url(database).set(port=1).render_as_string(hide_password=False)
        with closing(databases.admin(url, tries=2, interval=0.01)) as made:
            for call in (lambda: sync(made), made.show, lambda: made.plan(["jobs"])):
                caplog.clear()
                with pytest.raises(CommandError, match=r"^cannot use \S+://127.0.0.1:1/freezer\d+: .*refused"):
                    call()
                assert len(caplog.messages) == 2
                assert all("cannot be reached, trying again in 0.01 s: " in line for line in caplog.messages)
                assert databases.PASSWORD not in caplog.text

    @pytest.mark.parametrize("part", [{"password": "wrong"}, {"database": "nowhere"}])
    def test_refuses_is_not_asked_again(self, database, caplog, part):
        url = make_url(database).set(**part).render_as_string(hide_password=False)
        with closing(databases.admin(url, tries=-1)) as made, pytest.raises(CommandError) as refusal:
            sync(made)
        assert "\n" not in str(refusal.value)
        assert not caplog.records
