# SPDX-License-Identifier: Apache-2.0
"""Failures of a SQLite store: other writers, broken files, full disks, a hanging file system."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager

import pytest
from sqlalchemy import event

from freezer_api.errors import StoreFailed, TooLarge, Unavailable
from freezer_api.repository import query as q
from freezer_api.repository.sql.admin import sync
from freezer_api.repository.sql.bounded_calls import StillRunning
from freezer_api.repository.sql.sqlite import SQLiteRepository, sqlite_engine
from tests.contract.asking import JOBS, SECRET, every_call, found, is_, job, keep

LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
"""

WRITE = """
import sys
from pathlib import Path
from freezer_api.documents.registry import KINDS
from freezer_api.repository.sql.sqlite import SQLiteRepository
repository = SQLiteRepository(Path(sys.argv[1]), timeout=30.0)
number = 0
print("writing", flush=True)
while True:
    number += 1
    repository.create(KINDS[2], f"{sys.argv[2]}x{number}", {})
"""


def unavailable(call):
    """Check that the call raises ``Unavailable``, without content of the document in its message."""
    with pytest.raises(Unavailable) as caught:
        call()
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


@contextmanager
def running(code, *arguments):
    """Start another process, and wait until it has printed its first line."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def test_writes_are_synchronized_to_the_disk(repository):
    for engine in (repository.reading, repository.writing):
        with engine.connect() as connection:
            pragmas = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("synchronous", "journal_mode")
            }
        assert pragmas == {"synchronous": 2, "journal_mode": "wal"}


class TestOtherWriters:
    def test_write_fails_while_another_process_has_the_lock(self, repository, path):
        keep(repository, "one")
        calls = every_call(repository)
        with running(LOCK, path):
            for name in ("create", "replace", "delete"):
                unavailable(calls[name])
            for name in ("get", "search", "check"):
                calls[name]()

        assert repository.get(JOBS, "new") is None
        assert repository.get(JOBS, "one").version == 1
        for name in ("create", "replace"):
            calls[name]()

    def test_write_waits_for_another_process(self, opened, path):
        repository = opened(timeout=20.0)
        with running(LOCK, path) as other:
            timer = threading.Timer(0.3, other.kill)
            timer.start()
            keep(repository, "one")
            timer.join()

        assert found(repository) == ["one"]

    def test_write_fails_while_another_thread_has_the_lock(self, repository):
        keep(repository, "one")
        calls = every_call(repository)
        with repository.write_lock:
            unavailable(calls["create"])
            unavailable(calls["delete"])
            calls["get"]()
        calls["create"]()

    def test_process_can_write_while_others_write_continuously(self, opened, path):
        repository = opened(timeout=60.0)
        with ExitStack() as others:
            for name in ("a", "b", "c"):
                others.enter_context(running(WRITE, path, name))
            for number in range(30):
                keep(repository, f"one{number}")

        assert repository.search(JOBS, q.Query(limit=1, with_total=True)).total > 30

    def test_busy_threads_do_not_starve_each_other(self, opened):
        repository, written, end = opened(), [0] * 8, threading.Event()

        def write(number):
            while not end.is_set():
                keep(repository, f"job{number}x{written[number]}")
                written[number] += 1

        with ThreadPoolExecutor(8) as threads:
            writing = [threads.submit(write, number) for number in range(8)]
            while max(written) < 60 and not any(one.done() for one in writing):
                time.sleep(0.01)
            end.set()
            for one in writing:
                one.result()
        assert min(written) > max(written) / 4


def test_more_threads_can_read_than_connections_are_kept(opened):
    repository = opened(connections=2)
    key = keep(repository, "one")
    ready = threading.Barrier(6)

    def read(_number: int) -> int:
        ready.wait(10)
        return repository.get(JOBS, "one").version

    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(read, range(6))) == [1] * 6, key


def test_slow_search_is_interrupted(opened):
    repository = opened(read_timeout=0.2)
    words = tuple(f"w{n}" for n in range(8_000))
    keep(repository, *"abcdefgh", description=" ".join(words))

    unavailable(lambda: repository.search(JOBS, q.Query((q.HasWords(None, words),))))
    assert len(found(repository, q.HasWords(None, words[:5]))) == 8


class TestTheFile:
    @pytest.fixture
    def calls(self, repository):
        keep(repository, "one", "two")
        return every_call(repository)

    @pytest.fixture
    def backup(self, path, calls, tmp_path):
        """The path of a copy of the store."""
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(tmp_path / "backup")) as target:
            source.backup(target)
        return tmp_path / "backup"

    @staticmethod
    def _remove(path):
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()

    def test_service_does_not_create_the_file(self, tmp_path):
        repository = SQLiteRepository(tmp_path / "none.sqlite", timeout=0.3)

        unavailable(lambda: repository.get(JOBS, "one"))
        unavailable(lambda: repository.create(JOBS, "one", {}))
        unavailable(repository.check)
        assert list(tmp_path.iterdir()) == []
        repository.close()

    def test_file_without_tables_is_unavailable_until_sync(self, tmp_path):
        path = tmp_path / "empty.sqlite"
        path.touch()
        repository = SQLiteRepository(path, timeout=0.3)
        unavailable(lambda: repository.get(JOBS, "one"))
        unavailable(lambda: repository.create(JOBS, "one", {}))
        unavailable(lambda: repository.search(JOBS, q.Query()))
        unavailable(repository.check)

        engine = sqlite_engine(path)
        sync(engine)
        engine.dispose()
        assert repository.create(JOBS, "one", {}).version == 1
        repository.close()

    def test_removed_directory_is_unavailable_until_it_is_restored(self, repository, path, calls, backup):
        shutil.rmtree(path.parent)
        for call in calls.values():
            unavailable(call)
        assert not path.exists()

        path.parent.mkdir()
        shutil.copy(backup, path)
        repository.check()
        assert found(repository) == ["one", "two"]
        calls["replace"]()

    def test_file_replaced_by_another_store_is_used(self, repository, path, calls, backup):
        keep(repository, "three")
        os.replace(backup, path)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink()

        assert found(repository) == ["one", "two"]
        assert repository.get(JOBS, "three") is None
        keep(repository, "four")
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT count(*) FROM freezer_jobs").fetchone() == (3,)

    def test_file_replaced_by_garbage_is_unavailable(self, repository, path, calls, backup):
        self._remove(path)
        path.write_bytes(b"garbage " * 2000)
        for call in calls.values():
            unavailable(call)

        self._remove(path)
        shutil.copy(backup, path)
        assert found(repository) == ["one", "two"]

    def test_file_overwritten_with_garbage_is_unavailable(self, opened, path, backup):
        repository = opened(timeout=0.3)
        repository.close()
        self._remove(path)
        shutil.copy(backup, path)
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (size - 4096))
        for call in (
            lambda: repository.get(JOBS, "one"),
            lambda: repository.create(JOBS, "new", job("new", n=SECRET)),
            lambda: repository.search(JOBS, q.Query()),
        ):
            unavailable(call)

    def test_file_overwritten_while_it_is_open_is_unavailable(self, opened, path, backup):
        repository = opened(timeout=0.3)
        self._remove(path)
        shutil.copy(backup, path)
        repository.check()
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (path.stat().st_size - 4096))
        unavailable(lambda: repository.get(JOBS, "one"))

        path.write_bytes(backup.read_bytes())
        assert repository.get(JOBS, "one") is not None

    def test_write_to_a_full_disk_is_unavailable(self, repository, calls, path):
        limit = path.stat().st_size // 4096 + 10
        repository.writing.dispose()

        @event.listens_for(repository.writing, "connect")
        def _limit(connection, _record):
            connection.execute(f"PRAGMA max_page_count = {limit}")

        unavailable(lambda: repository.create(JOBS, "big", job("big", n=SECRET, x="x" * 200_000)))
        unavailable(
            lambda: repository.replace(JOBS, "one", job("one", x="x" * 200_000), repository.get(JOBS, "one").token)
        )
        assert repository.get(JOBS, "big") is None
        assert found(repository) == ["one", "two"]
        calls["replace"]()


class TestErrors:
    def test_text_that_is_not_unicode_is_store_failed(self, repository):
        with pytest.raises(StoreFailed) as caught:
            repository.create(JOBS, "one", job("one", n=f"{SECRET}\ud800"))

        assert SECRET not in str(caught.value)
        assert SECRET not in str(caught.value.__cause__)
        assert found(repository) == []

    def test_document_above_the_length_limit_is_refused(self, repository, caplog):
        keep(repository, "one")

        @event.listens_for(repository.writing, "begin")
        def _lower(connection):
            connection.connection.driver_connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 100_000)

        current = repository.get(JOBS, "one")
        for call in (
            lambda: repository.create(JOBS, "new", job("new", n="x" * 100_000)),
            lambda: repository.replace(JOBS, "one", job("one", n="x" * 100_000), current.token),
        ):
            with pytest.raises(TooLarge):
                call()
        assert caplog.messages == ["The SQL store refuses a statement for its size: string or blob too big"] * 2
        assert repository.get(JOBS, "one") == current
        repository.create(JOBS, "two", job("two"))

    def test_search_with_too_many_conditions_is_store_failed(self, repository, caplog):
        conditions = tuple(is_(SECRET, f"{SECRET}{n}") for n in range(2000))

        with pytest.raises(StoreFailed) as caught:
            repository.search(JOBS, q.Query(conditions))

        assert SECRET not in f"{caught.value}{caught.value.__cause__}{caplog.text}"
        assert len(caplog.records) == 1

    def test_outage_is_logged_in_one_line(self, repository, path, caplog):
        keep(repository, "one")
        calls = every_call(repository)
        with running(LOCK, path):
            unavailable(calls["create"])
        path.unlink()
        unavailable(calls["get"])

        lines = [re.sub(r"[\d.]+ s", "<> s", record.getMessage()) for record in caplog.records]
        assert lines == [
            "The store is not available (writing), after <> s: database is locked",
            (
                "The store is not available (reading), after <> s: unable to open database file; if the store is "
                "new, run 'freezer-manage db sync'"
            ),
        ]
        assert SECRET not in caplog.text


def test_exit_during_a_statement_is_not_an_error_of_the_store(path, caplog):
    """A signal handler may raise SystemExit within the driver."""
    engine = sqlite_engine(path)

    @event.listens_for(engine, "do_execute")
    def _stop(*_arguments):
        raise SystemExit(143)

    with pytest.raises(SystemExit), engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    engine.dispose()
    assert caplog.text == ""


def test_store_is_unavailable_while_its_file_system_hangs(path):
    repository = SQLiteRepository(path)
    keep(repository, "one")
    hang = threading.Event()
    with pytest.raises(StillRunning):
        repository._calls.call(hang.wait, 0.01)
    unavailable(lambda: repository.get(JOBS, "one"))
    repository.close()
    hang.set()
    while repository._calls.are_stuck:
        time.sleep(0.01)
    assert repository.get(JOBS, "one") is not None
    repository.close()
