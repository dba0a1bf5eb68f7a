"""The tables: what makes them, what upgrades them, and whose they are."""

import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from freezer_api.errors import CommandError, Unavailable
from freezer_api.repository import query as q
from freezer_api.repository.sql import admin
from freezer_api.repository.sql.schema import METADATA, TABLES, VERSION_TABLE
from freezer_api.repository.sql.sqlite import open_sqlite, sqlite_engine
from freezer_api.stores import SQLiteStore
from tests.contract.asking import CLIENTS, JOBS, found, is_, job, keys_of

SYNC = """
import sys
from pathlib import Path
from freezer_api.repository.sql.sqlite import sqlite_engine
from freezer_api.repository.sql.admin import sync
sys.stdin.readline()
print(sync(sqlite_engine(Path(sys.argv[1]), timeout=20.0, connections=1)))
"""


@pytest.fixture
def fresh(tmp_path):
    return tmp_path / "fresh.sqlite"


@pytest.fixture
def engine(fresh):
    engine = sqlite_engine(fresh, timeout=5.0, connections=1)
    yield engine
    engine.dispose()


def layout(path):
    """Every table and index as SQLite understood it, but for white space and the version table."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE tbl_name != ?", (VERSION_TABLE,))
        return {name: sql and " ".join(sql.split()) for name, sql in rows}


def set_version(path, version):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = ?", (version,))
        connection.commit()


def test_migrations_make_what_the_definitions_say(engine, fresh, tmp_path):
    defined = sqlite_engine(tmp_path / "defined.sqlite", timeout=5.0, connections=1)
    METADATA.create_all(defined)
    defined.dispose()
    admin.sync(engine)

    assert layout(fresh) == layout(tmp_path / "defined.sqlite")
    assert len(layout(fresh)) > len(METADATA.tables) * 3
    with engine.connect() as connection:
        ours = {"compare_type": True, "include_name": lambda name, *_: name != VERSION_TABLE}
        assert compare_metadata(MigrationContext.configure(connection, opts=ours), METADATA) == []


def test_the_newest_migration_is_the_layout_of_this_release():
    config = Config()
    config.set_main_option("script_location", str(admin.MIGRATIONS))
    config.set_main_option("path_separator", "os")

    assert ScriptDirectory.from_config(config).get_heads() == [admin.HEAD]


def test_sync_does_something_once(engine):
    assert admin.sync(engine) is True
    assert admin.sync(engine) is False
    with engine.connect() as connection:
        assert admin.current_version(connection) == admin.HEAD


def test_sync_leaves_documents_alone(path):
    repository = open_sqlite(path)
    repository.create(JOBS, "one", job("one"))
    engine = sqlite_engine(path, timeout=5.0, connections=1)

    assert admin.sync(engine) is False
    assert found(repository) == ["one"]
    engine.dispose()
    repository.close()


def test_sync_upgrades_a_store_of_the_first_layout(engine, fresh, tmp_path):
    client = {"client": {"client_id": "node1"}, "user_id": "ann", "project_id": "library"}
    first = {name: value for name, value in TABLES["clients"].contents(client).items() if name != "reach"}
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(admin.migrations(connection), "0001")
        row = {"key": "k1", "created": 7, "version": 3, **first}
        names = ", ".join(row)
        connection.exec_driver_sql(
            f"INSERT INTO freezer_clients ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values())
        )
        connection.commit()

    assert admin.sync(engine) is True
    defined = sqlite_engine(tmp_path / "defined.sqlite", timeout=5.0, connections=1)
    METADATA.create_all(defined)
    defined.dispose()
    assert layout(fresh) == layout(tmp_path / "defined.sqlite")
    repository = open_sqlite(fresh)
    stored = repository.get(CLIENTS, "k1")
    assert (stored.document, stored.version) == (client, 3)
    assert keys_of(repository.search(CLIENTS, q.Query((is_("project_id", "library"),)))) == ["k1"]
    repository.close()


def fill_store_of_version_0004(engine, documents):
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        command.upgrade(admin.migrations(connection), "0004")
        for key, one in documents.items():
            # As the release before kept it: with every value among the texts of the document.
            row = {"key": key, "created": 7, "version": 3, **TABLES["jobs"].contents(one)}
            row["texts"] += f"\x1f{one['job_schedule']['current_pid']}\x1f"
            row["entries"] = "\x1f"
            statement = f"INSERT INTO freezer_jobs ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"
            connection.exec_driver_sql(statement, tuple(row.values()))
        connection.commit()


def test_sync_indexes_documents_of_an_old_release_again(engine, fresh):
    document = job("one", description="runs", job_schedule={"current_pid": 31337})
    others = {f"other{n}": job(f"other{n}", job_schedule={"current_pid": n}) for n in range(250)}
    fill_store_of_version_0004(engine, {"one": document, **others})

    assert admin.sync(engine) is True
    repository = open_sqlite(fresh)
    stored = repository.get(JOBS, "one")
    assert (stored.document, stored.version) == (document, 3)
    assert found(repository, q.HasWords(None, ("31337",))) == []
    assert found(repository, q.HasWords("job_schedule.current_pid", ("31337",))) == ["one"]
    assert found(repository, q.HasWords(None, ("runs",))) == ["one"]
    assert found(repository, q.HasWords(None, ("249",))) == []
    assert found(repository, is_("job_schedule.current_pid", 249)) == ["other249"]
    repository.close()


def test_embedded_store_indexes_the_configured_number_of_values_again(engine, fresh):
    document = job("one", job_schedule={"current_pid": 1, "status": "scheduled"})
    fill_store_of_version_0004(engine, {"one": document})
    SQLiteStore(fresh, embedded=True, max_values=2).prepare()

    repository = open_sqlite(fresh)
    assert found(repository, is_("job_schedule.current_pid", 1)) == ["one"]
    assert found(repository, is_("job_schedule.status", "scheduled")) == []
    repository.close()


def test_sync_by_several_processes_at_once(fresh):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SYNC, str(fresh)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    answers = [process.communicate("go\n", timeout=60)[0].strip() for process in _all_started(processes)]

    assert [process.returncode for process in processes] == [0] * 6
    assert sorted(answers) == ["False"] * 5 + ["True"]
    repository = open_sqlite(fresh)
    repository.check()
    repository.close()


def test_a_new_file_that_another_process_is_just_making(fresh):
    engine = sqlite_engine(fresh, timeout=60.0, connections=1)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as other, ThreadPoolExecutor(1) as thread:
        other.execute("BEGIN IMMEDIATE")
        opened = thread.submit(engine.connect)
        # Long enough for a first try.
        wait([opened], timeout=0.2)
        other.execute("COMMIT")
        opened.result(60).close()
    engine.dispose()


def test_a_new_file_that_another_process_does_not_let_go(fresh):
    engine = sqlite_engine(fresh, timeout=0.1, connections=1)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="database is locked"):
            engine.connect()
    engine.dispose()


def test_what_is_to_be_done_and_what_is_lacking(fresh):
    store = SQLiteStore(fresh).admin()
    assert store.pending(["jobs"]) == ["freezer_jobs: would be created"]
    store.sync(["jobs"], lambda _question: False)
    assert store.pending(["jobs"]) == []
    assert store.shortcomings() == []
    assert store.size_limits() == {}
    assert store.foreign(["jobs"]) == []
    store.close()


def _all_started(processes):
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    return processes


def test_sync_that_was_overtaken_does_nothing(engine, fresh):
    other = sqlite_engine(fresh, timeout=5.0, connections=1)

    @event.listens_for(engine, "before_cursor_execute")
    def _overtake(_connection, _cursor, statement, *_):
        if statement == "BEGIN IMMEDIATE":
            assert admin.sync(other) is True

    assert admin.sync(engine) is False
    other.dispose()


def test_sync_beside_a_writer_waits_for_it(fresh, engine):
    with closing(sqlite3.connect(fresh, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN IMMEDIATE")
        waiting = sqlite_engine(fresh, timeout=0.2, connections=1)
        with pytest.raises(OperationalError, match="locked"):
            admin.sync(waiting)
        waiting.dispose()
        other.execute("ROLLBACK")

    assert admin.sync(engine) is True


def test_sync_leaves_the_tables_of_others_alone(engine, fresh):
    with closing(sqlite3.connect(fresh)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.execute("INSERT INTO alembic_version VALUES ('of the original')")
        connection.execute("CREATE TABLE jobs (id)")
        connection.commit()
    admin.sync(engine)

    with closing(sqlite3.connect(fresh)) as connection:
        assert connection.execute("SELECT * FROM alembic_version").fetchall() == [("of the original",)]


def test_a_sync_that_fails_leaves_nothing(engine, fresh):
    with closing(sqlite3.connect(fresh)) as connection:
        connection.execute("CREATE TABLE freezer_sessions (in_the_way)")
        connection.commit()

    with pytest.raises(OperationalError):
        admin.sync(engine)

    assert list(layout(fresh)) == ["freezer_sessions"]
    with engine.connect() as connection:
        assert admin.current_version(connection) is None


def test_a_newer_layout_is_refused(path):
    set_version(path, "9999")
    before = layout(path)
    engine = sqlite_engine(path, timeout=5.0, connections=1)

    with pytest.raises(CommandError, match="9999 is of a newer release"):
        admin.sync(engine)

    assert layout(path) == before
    engine.dispose()


def test_check_is_not_content_with_another_layout(path, repository):
    repository.check()
    set_version(path, "9999")
    with pytest.raises(Unavailable, match="layout"):
        repository.check()
    set_version(path, admin.HEAD)
    repository.check()


def test_the_file_is_for_its_owner_alone(path):
    repository = open_sqlite(path)
    repository.create(JOBS, "one", job("one"))

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("freezer.sqlite", "freezer.sqlite-wal", "freezer.sqlite-shm"), 0o600)
    repository.close()


def test_sync_of_a_file_that_cannot_be_made(tmp_path):
    engine = sqlite_engine(tmp_path / "nowhere" / "freezer.sqlite", timeout=1.0, connections=1)

    with pytest.raises(FileNotFoundError):
        admin.sync(engine)
    engine.dispose()


@pytest.mark.parametrize("name", ["with blank", "per%cent", "question?mode=ro", "hash#tag", "ümlaut"])
def test_any_directory_will_do(tmp_path, name):
    path = tmp_path / name / "freezer.sqlite"
    path.parent.mkdir()
    engine = sqlite_engine(path, timeout=5.0, connections=1)
    admin.sync(engine)
    engine.dispose()
    repository = open_sqlite(path)
    repository.create(JOBS, "one", job("one"))
    repository.close()

    assert [file.name for file in path.parent.iterdir()] == ["freezer.sqlite"]
