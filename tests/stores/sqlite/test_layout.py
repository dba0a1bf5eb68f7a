# SPDX-License-Identifier: Apache-2.0
"""The tables in a SQLite file, and the permissions of the file."""

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from freezer_api.errors import Unavailable
from freezer_api.repository import query as q
from freezer_api.repository.sql import admin
from freezer_api.repository.sql.schema import METADATA, TABLES, VERSION_TABLE
from freezer_api.repository.sql.sqlite import SQLiteRepository, sqlite_engine
from freezer_api.stores import SQLiteStore
from tests.contract import databases
from tests.contract.asking import CLIENTS, JOBS, found, is_, job, keys_of


@pytest.fixture
def fresh(tmp_path):
    return tmp_path / "fresh.sqlite"


@pytest.fixture
def engine(fresh):
    engine = sqlite_engine(fresh)
    yield engine
    engine.dispose()


def layout(path):
    """Return every table and index as SQLite stores it, without white space and the version table."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE tbl_name != ?", (VERSION_TABLE,))
        return {name: sql and " ".join(sql.split()) for name, sql in rows}


def defined_layout(path):
    """The layout that the table definitions create."""
    defined = sqlite_engine(path)
    METADATA.create_all(defined)
    defined.dispose()
    return layout(path)


def test_migrations_create_the_tables_of_the_definitions(engine, fresh, tmp_path):
    admin.sync(engine)
    assert layout(fresh) == defined_layout(tmp_path / "defined.sqlite")


def test_sync_upgrades_clients_of_the_first_layout(fresh):
    client = {"client": {"client_id": "node1"}, "user_id": "ann", "project_id": "library"}
    first = {name: value for name, value in TABLES["clients"].contents(client).items() if name != "reach"}
    with closing(databases.admin(str(fresh))) as made:
        databases.fill_former_layout(made, "0001", {})
        row = {"key": "k1", "created": 7, "version": 3, **first}
        with made.engine.connect() as connection:
            connection.exec_driver_sql(
                f"INSERT INTO freezer_clients ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                tuple(row.values()),
            )
        assert admin.sync(made.engine) is True

    with closing(SQLiteRepository(fresh)) as repository:
        stored = repository.get(CLIENTS, "k1")
        assert (stored.document, stored.version) == (client, 3)
        assert keys_of(repository.search(CLIENTS, q.Query((is_("project_id", "library"),)))) == ["k1"]


def test_embedded_store_indexes_the_configured_number_of_values_again(fresh):
    with closing(databases.admin(str(fresh))) as made:
        schedule = {"current_pid": 1, "status": "scheduled"}
        databases.fill_former_layout(made, "0004", {"one": job("one", job_schedule=schedule)})
    SQLiteStore(fresh, embedded=True, max_values=2).prepare()

    with closing(SQLiteRepository(fresh)) as repository:
        assert found(repository, is_("job_schedule.current_pid", 1)) == ["one"]
        assert found(repository, is_("job_schedule.status", "scheduled")) == []


def test_connecting_waits_for_a_process_that_creates_the_file(fresh):
    engine = sqlite_engine(fresh, timeout=60.0)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as other, ThreadPoolExecutor(1) as thread:
        other.execute("BEGIN IMMEDIATE")
        opened = thread.submit(engine.connect)
        # Give the thread time for a first attempt, which fails.
        wait([opened], timeout=0.2)
        other.execute("COMMIT")
        opened.result(60).close()
    engine.dispose()


def test_connecting_fails_while_another_process_locks_a_new_file(fresh):
    engine = sqlite_engine(fresh, timeout=0.1)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="database is locked"):
            engine.connect()
    engine.dispose()


def test_sync_does_nothing_if_another_process_was_faster(engine, fresh):
    other = sqlite_engine(fresh)

    @event.listens_for(engine, "before_cursor_execute")
    def _overtake(_connection, _cursor, statement, *_):
        if statement == "BEGIN IMMEDIATE":
            assert admin.sync(other) is True

    assert admin.sync(engine) is False
    other.dispose()


def test_sync_waits_for_a_writer(fresh, engine):
    with closing(sqlite3.connect(fresh, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN IMMEDIATE")
        waiting = sqlite_engine(fresh, timeout=0.2)
        with pytest.raises(OperationalError, match="locked"):
            admin.sync(waiting)
        waiting.dispose()
        other.execute("ROLLBACK")

    assert admin.sync(engine) is True


def test_failed_sync_leaves_nothing(engine, fresh):
    with closing(sqlite3.connect(fresh)) as connection:
        connection.execute("CREATE TABLE freezer_sessions (in_the_way)")
        connection.commit()

    with pytest.raises(OperationalError):
        admin.sync(engine)

    assert list(layout(fresh)) == ["freezer_sessions"]
    with engine.connect() as connection:
        assert admin.current_version(connection) is None


def test_check_refuses_another_layout(path, repository):
    repository.check()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
        connection.commit()
    with pytest.raises(Unavailable, match="layout"):
        repository.check()


def test_files_are_readable_for_their_owner_alone(path, repository):
    repository.create(JOBS, "one", job("one"))

    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("freezer.sqlite", "freezer.sqlite-wal", "freezer.sqlite-shm"), 0o600)


def test_sync_fails_if_the_directory_does_not_exist(tmp_path):
    with pytest.raises(FileNotFoundError):
        admin.sync(sqlite_engine(tmp_path / "nowhere" / "freezer.sqlite"))


@pytest.mark.parametrize("name", ["with blank", "per%cent", "question?mode=ro", "hash#tag", "ümlaut"])
def test_directory_may_have_any_name(tmp_path, name):
    path = tmp_path / name / "freezer.sqlite"
    path.parent.mkdir()
    engine = sqlite_engine(path)
    admin.sync(engine)
    engine.dispose()
    with closing(SQLiteRepository(path)) as repository:
        repository.create(JOBS, "one", job("one"))

    assert [file.name for file in path.parent.iterdir()] == ["freezer.sqlite"]
