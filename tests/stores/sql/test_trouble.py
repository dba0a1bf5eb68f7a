# SPDX-License-Identifier: Apache-2.0
"""Errors of the connection and of the server: which calls are retried, and which raise ``Unavailable``."""

import json
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import psycopg2
import pymysql
import pytest
from sqlalchemy import event, make_url, text

from freezer_api import stores
from freezer_api.compat.legacy.dump import open_dump
from freezer_api.compat.legacy.transfer import OnConflict, Transfer
from freezer_api.conf.values import Database
from freezer_api.documents.actions import ACTIONS
from freezer_api.errors import StoreFailed, TooLarge, Unavailable
from freezer_api.operations.archive import Count, Restore
from freezer_api.repository.protocol import Original
from freezer_api.repository.sql import server_errors as errors
from freezer_api.repository.sql import servers, urls
from freezer_api.repository.sql.admin import HEAD, VERSION_TABLE
from tests.contract import databases
from tests.contract.asking import (
    JOBS,
    SECRET,
    every_call,
    found,
    job,
    keep,
)
from tests.support.left_out import leave_out
from tests.support.needs import on
from tests.support.proxy import Proxy

CERTIFICATE = Path(__file__).parents[2] / "unit" / "client.pem"
READS = ("get", "search", "check")
WRITES = ("create", "replace", "delete")


@pytest.fixture
def calls(repository):
    keep(repository, "one")
    return every_call(repository)


@pytest.fixture
def on_mariadb(server):
    return server.name == "mariadb"


@pytest.fixture
def before_next(repository):
    """Return a function that schedules a call, made once before the next statement is sent."""

    def _arrange(function):
        functions = [function]

        @event.listens_for(repository.engine, "before_cursor_execute")
        def _once(*_):
            if functions:
                functions.pop()()

    return _arrange


class TestLostConnection:
    def test_idle_connection_is_replaced_silently(self, repository, server, calls, caplog):
        for name in (*READS, *WRITES):
            server.kill_connections()
            _wait_until_closed(repository)
            calls[name]() if name != "delete" else None
        assert not caplog.records

    def test_connection_closed_by_the_driver_is_replaced(self, repository, calls, on_mariadb, caplog):
        for name in READS:
            calls[name]()
            connection = repository._connections.take().connection.dbapi_connection
            connection._force_close() if on_mariadb else connection.close()
        calls["get"]()
        assert not caplog.records

    def test_closed_connection_in_the_pool_is_replaced_silently(self, opened, server, caplog):
        repository = opened(max_pool_size=1)
        for _ in range(2):
            repository.check()
            server.kill_connections()
        assert repository.get(JOBS, "one") is None
        assert not caplog.records

    @pytest.mark.parametrize("name", READS)
    def test_read_is_retried_after_a_lost_connection(self, server, calls, before_next, name, caplog):
        before_next(server.kill_connections)
        calls[name]()
        assert not caplog.records

    @pytest.mark.parametrize("name", WRITES)
    def test_write_is_not_retried_after_a_lost_connection(
        self, repository, server, calls, before_next, name, caplog
    ):
        before_next(server.kill_connections)
        with pytest.raises(Unavailable):
            calls[name]()
        (record,) = caplog.records
        assert record.getMessage().startswith("The store is not available (everything), after ")
        assert SECRET not in caplog.text
        calls[name]()

    def test_read_is_not_retried_twice(self, repository, server, calls):
        event.listen(repository.engine, "before_cursor_execute", lambda *_: server.kill_connections())
        with pytest.raises(Unavailable):
            calls["get"]()


def _wait_until_closed(repository):
    """Wait until the server has closed all connections."""
    for kept in repository._connections._all:
        connection = kept.connection.dbapi_connection
        while not servers.is_readable(repository._driver.descriptor(connection)):
            time.sleep(0.001)


class TestThread:
    def test_thread_keeps_its_connection_to_the_server(self, repository, on_mariadb):
        assert _connection_id(repository, on_mariadb) == _connection_id(repository, on_mariadb)

    def test_thread_replaces_a_connection_above_its_maximum_age(self, opened, on_mariadb):
        repository = opened(connection_recycle_time=0)
        assert len({_connection_id(repository, on_mariadb) for _ in range(3)}) > 1

    def test_thread_beyond_the_pool_waits_for_a_connection(self, opened, monkeypatch, caplog):
        monkeypatch.setattr(servers, "_MAX_POOL_TIMEOUT", 20)
        repository = opened(max_pool_size=2, max_overflow=0)
        with ThreadPoolExecutor(4) as threads:
            barrier = threading.Barrier(4)
            for reading in [threads.submit(_read_together, repository, barrier) for _ in range(4)]:
                reading.result()
        assert not caplog.records


def _connection_id(repository, on_mariadb):
    statement = text("SELECT connection_id()" if on_mariadb else "SELECT pg_backend_pid()")
    return repository._call(lambda connection: connection.execute(statement).scalar())


def _read_together(repository, barrier):
    for _ in range(5):
        barrier.wait(20)
        repository.get(JOBS, "one")


class TestLocks:
    def test_deadlock_is_retried(self, repository, server, address, admin, on_mariadb, caplog):
        """The server rolls back one of the two transactions. Repeat until it is that of the service."""
        inserts = []

        @event.listens_for(repository.engine, "before_cursor_execute")
        def _note(_connection, _cursor, statement, *_):
            inserts.append(statement)

        for attempt in range(1, 20):
            inserts.clear()
            key = f"one{attempt}"
            with closing(_begun(server, address, on_mariadb)) as other:
                assert _deadlocked(repository, server, other, key, on_mariadb).version == 1
            assert repository.get(JOBS, key).document == job(key)
            if len([insert for insert in inserts if "INSERT" in insert]) > 1:
                break
        else:
            pytest.fail("the server never rolled the service's statement back")
        assert not caplog.records

    def test_write_fails_while_another_transaction_has_the_lock(self, opened, server, address, on_mariadb):
        repository = opened(db_max_retries=0)
        keep(repository, "one")
        calls = every_call(repository)
        other = server.connect(make_url(address).database)
        other.autocommit(False) if on_mariadb else setattr(other, "autocommit", False)
        cursor = other.cursor()
        cursor.execute("UPDATE freezer_jobs SET version = 9")
        setting = "innodb_lock_wait_timeout = 1" if on_mariadb else "lock_timeout = 50"
        repository._call(lambda connection: connection.exec_driver_sql(f"SET SESSION {setting}"))
        with pytest.raises(Unavailable):
            calls["replace"]()
        for name in READS:
            calls[name]()
        other.rollback()
        other.close()
        calls["replace"]()

    @pytest.mark.parametrize("retries", [0, 3, -1])
    def test_lock_conflict_is_retried_as_configured(self, opened, server, address, on_mariadb, caplog, retries):
        """The option is ``db_max_retries``; -1 means until the deadline."""
        repository = opened(db_max_retries=retries)
        keep(repository, "one")
        setting = "innodb_lock_wait_timeout = 0" if on_mariadb else "lock_timeout = 1"
        repository._call(lambda connection: connection.exec_driver_sql(f"SET SESSION {setting}"))
        update, attempts = "UPDATE freezer_jobs SET version = 9", []

        def _update(connection):
            attempts.append(1)
            return connection.exec_driver_sql(update)

        with closing(server.connect(make_url(address).database)) as other:
            other.autocommit(False) if on_mariadb else setattr(other, "autocommit", False)
            other.cursor().execute(update)
            with pytest.raises(Unavailable):
                repository._call(_update, seconds=1 if retries < 0 else 30)
        assert len(attempts) == retries + 1 if retries >= 0 else len(attempts) > 1
        assert [record.exc_info for record in caplog.records] == [None]

    def test_connection_check_after_a_long_search_has_its_own_timeout(self, opened, on_mariadb):
        repository = opened(max_pool_size=1)
        used = []
        repository._call(lambda connection: used.append(connection.connection.dbapi_connection), max_seconds=60)
        (connection,) = used
        assert (connection._read_timeout if on_mariadb else connection.timeout) < 1

    def test_full_pool_is_unavailable(self, opened, caplog):
        repository = opened(max_pool_size=1, max_overflow=0)

        def _read_meanwhile(_connection):
            with pytest.raises(Unavailable):
                repository.get(JOBS, "one")

        repository._call(_read_meanwhile)
        assert caplog.messages == [
            "No connection to the SQL store is free: all connections of the pool are in use"
        ]
        assert repository.get(JOBS, "one") is None


def _begun(server, address, on_mariadb):
    """Begin a large transaction of another client. In a deadlock, the server rolls back the smaller one."""
    other = server.connect(make_url(address).database)
    with other.cursor() as cursor:
        if on_mariadb:
            other.autocommit(False)
            cursor.execute("CREATE TEMPORARY TABLE weight AS SELECT seq FROM seq_1_to_5000")
        else:
            other.autocommit = False
            cursor.execute("SET deadlock_timeout = '20s'")
    return other


def _deadlocked(repository, server, other, key, on_mariadb):
    """Cause a deadlock: create a document whose key the other transaction has, while it waits for the lock."""
    name = "`key`" if on_mariadb else "key"
    rows = "".join(f", ('other{n}', 1, 1, true, '', '', '')" for n in range(200))
    locking = (
        f"SELECT * FROM {VERSION_TABLE} FOR UPDATE"
        if on_mariadb
        else f"SELECT pg_advisory_xact_lock({_advisory_lock(repository)})"
    )
    with other.cursor() as cursor, ThreadPoolExecutor(1) as thread:
        cursor.execute(
            f"INSERT INTO freezer_jobs ({name}, created, version, pending, body, entries, texts) "
            f"VALUES ('{key}', 1, 1, true, '', '', ''){rows}"
        )
        creating = thread.submit(repository.create, JOBS, key, job(key))
        try:
            _until(lambda: _waits(server, on_mariadb))
            with suppress(server.errors):
                cursor.execute(locking)
        finally:
            other.rollback()
        return creating.result(20)


def _advisory_lock(repository):
    statement = repository._creations["jobs"]
    return re.search(r"\((.*)\)", statement.get_execution_options()["first"])[1]


def _waits(server, on_mariadb):
    if on_mariadb:
        return server.run("SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
    return server.run("SELECT 1 FROM pg_locks WHERE NOT granted")


def _until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        # MariaDB updates this status table every tenth of a second.
        time.sleep(0.12)


class TestServer:
    def test_connection_closed_during_a_statement_is_unavailable(self, repository, server, on_mariadb):
        sleep = text("SELECT SLEEP(30)" if on_mariadb else "SELECT pg_sleep(30)")
        repository.check()
        with ThreadPoolExecutor(1) as thread:
            sleeping = thread.submit(repository._call, lambda connection: connection.execute(sleep))
            _until(lambda: _is_sleeping(server, on_mariadb))
            server.kill_connections()
            with pytest.raises(Unavailable):
                sleeping.result(20)

    def test_server_that_closes_every_new_connection_is_unavailable(self, address, server):
        repository = databases.open_repository(address)

        @event.listens_for(repository.engine, "connect")
        def _end(connection, _record):
            server.kill_connections()
            _until(lambda: servers.is_readable(repository._driver.descriptor(connection)))

        with pytest.raises(Unavailable):
            repository.get(JOBS, "one")
        repository.close()

    def test_slow_statement_is_unavailable_at_its_deadline(self, repository, on_mariadb, caplog):
        sleep = text("SELECT SLEEP(30)" if on_mariadb else "SELECT pg_sleep(30)")
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            repository._call(lambda connection: connection.execute(sleep), seconds=0.2, repeatable=True)
        assert time.monotonic() - begun < 5
        assert repository.get(JOBS, "one") is None

    def test_statement_stopped_by_the_server_is_unavailable(self, repository, on_mariadb):
        seconds = "SET SESSION max_statement_time = 0.1" if on_mariadb else "SET statement_timeout = 100"
        sleep = (
            "SELECT count(*) FROM seq_1_to_90000 a, seq_1_to_90000 b WHERE a.seq + b.seq = 1"
            if on_mariadb
            else "SELECT pg_sleep(30)"
        )

        def _sleep(connection):
            connection.exec_driver_sql(seconds)
            connection.exec_driver_sql(sleep)

        with pytest.raises(Unavailable):
            repository._call(_sleep)

    def test_unreachable_server_is_unavailable_and_logged(self, address, caplog):
        repository = databases.open_repository(_unreachable(address))
        for call in (
            repository.check,
            lambda: repository.get(JOBS, "one"),
            lambda: repository.create(JOBS, "x", {}),
        ):
            with pytest.raises(Unavailable):
                call()
        assert len(caplog.records) == 2
        assert databases.PASSWORD not in caplog.text
        repository.close()

    def test_server_without_tls_is_refused_if_tls_is_required(self, address, on_mariadb, caplog):
        wanted = "ssl_ca" if on_mariadb else "sslmode=verify-full&sslrootcert"
        joined = "&" if "?" in address else "?"
        repository = databases.open_repository(f"{address}{joined}{wanted}={CERTIFICATE}")
        with pytest.raises(Unavailable):
            repository.check()
        repository.close()
        (line,) = caplog.messages
        assert line.endswith(
            "SSL is required but the server doesn't support it" if on_mariadb else "but SSL was required"
        )

    @pytest.mark.parametrize("query", ["first", "later"])
    def test_server_that_sends_garbage_is_unavailable(self, address, on_mariadb, query, caplog):
        garbage = b"\5\0\0\1\xfe\xff\xff\xff\xff" if on_mariadb else b"\xff" * 100
        first = b"max_allowed_packet" if on_mariadb else b"statement_timeout"
        begin = first if query == "first" else b"FROM freezer_jobs"
        with _proxy_to(address) as proxy:
            proxy.trouble = lambda _answer: garbage if begin in proxy.requests else "pass"
            repository = databases.open_repository(_by_way_of(proxy, address))
            with pytest.raises(Unavailable):
                repository.get(JOBS, "one")
            repository.close()
        assert [record.exc_info for record in caplog.records] == [None]

    @pytest.mark.parametrize("server", on("postgresql"), indirect=True)
    def test_all_steps_of_connecting_share_one_deadline(self, address):
        with _proxy_to(address, delay=0.3) as proxy:
            proxy.always("delay")
            driver = databases.driver(_by_way_of(proxy, address, sslmode="disable"))
            with pytest.raises(psycopg2.OperationalError, match="did not answer in time"):
                # Connecting takes four responses: three for the login and one for the settings of the session.
                driver.connect(1.1)

    @pytest.mark.parametrize("server", on("postgresql"), indirect=True)
    def test_hanging_host_leaves_time_for_the_next_one(self, address):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = make_url(address)
            ports = f"{silent.getsockname()[1]},{url.port}"
            hosts = url.set(host=None, port=None).update_query_dict({"host": "127.0.0.1,127.0.0.1", "port": ports})
            repository = databases.open_repository(hosts.render_as_string(hide_password=False))
            repository.check()
            repository.close()

    def test_read_only_server_refuses_only_writes(self, repository, server, calls, on_mariadb):
        if on_mariadb:
            server.run("SET GLOBAL read_only = 1")
        else:
            server.run("ALTER ROLE freezer SET default_transaction_read_only = on")
            server.kill_connections()
        try:
            for name in WRITES:
                with pytest.raises(Unavailable):
                    calls[name]()
            for name in READS:
                calls[name]()
        finally:
            server.run(
                "SET GLOBAL read_only = 0"
                if on_mariadb
                else "ALTER ROLE freezer RESET default_transaction_read_only"
            )
        calls["replace"]()

    def test_missing_tables_are_unavailable(self, address, repository):
        made = databases.admin(address)
        made.remove(["backups", "clients", "jobs", "actions", "sessions"])
        for call in (
            repository.check,
            lambda: repository.get(JOBS, "one"),
            lambda: repository.create(JOBS, "one", job("one")),
        ):
            with pytest.raises(Unavailable):
                call()
        made.sync([], erase=lambda _question: False)
        made.close()
        repository.check()
        assert repository.create(JOBS, "one", job("one")).version == 1

    def test_tables_of_another_layout_are_unavailable(self, repository, admin):
        admin(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
        try:
            with pytest.raises(Unavailable, match="layout"):
                repository.check()
        finally:
            admin(f"UPDATE {VERSION_TABLE} SET version_num = '{HEAD}'")

    def test_unreadable_layout_does_not_prevent_the_start(self, server, on_mariadb, caplog):
        url = server.create_database("untellable")
        view = (
            "CREATE DEFINER=missing@nowhere VIEW freezer_schema_version AS SELECT '1' AS version_num"
            if on_mariadb
            else "CREATE VIEW freezer_schema_version AS SELECT (1 / (random() * 0)::int)::varchar AS version_num"
        )
        grant = "freezer@'127.0.0.1'" if on_mariadb else "freezer"
        server.run(view, f"GRANT SELECT ON freezer_schema_version TO {grant}", database="untellable")
        options = Database(source="[database] connection", url=urls.parsed(url), session={})
        stores.SQLServerStore(options).prepare()
        away = "The store is not available (the health check), after "
        assert caplog.messages[0].startswith(away if on_mariadb else "The SQL store failed: ")
        assert caplog.messages[1].startswith("The store cannot be used yet")

    def test_missing_version_of_the_layout_is_unavailable(self, repository, server, admin, caplog):
        """On MariaDB, creations lock the row of the version."""
        admin(f"DELETE FROM {VERSION_TABLE}")
        try:
            if server.name == "mariadb":
                with pytest.raises(Unavailable):
                    repository.create(JOBS, "one", job("one"))
                assert caplog.messages == ["The SQL store has no layout: run 'freezer-manage db sync'"]
            with pytest.raises(Unavailable):
                repository.check()
        finally:
            admin(f"INSERT INTO {VERSION_TABLE} VALUES ('{HEAD}')")


@pytest.mark.slow
@pytest.mark.store("postgresql")
def test_refused_connection_is_recognized_in_any_language(sql_servers, monkeypatch):
    monkeypatch.setenv("LANGUAGE", "de")
    with sql_servers.own("postgresql", "-c", "lc_messages=C.UTF-8", quick=True) as server:
        driver = databases.driver(server.create_database("german"))
        server.run("ALTER ROLE freezer CONNECTION LIMIT 0")
        with pytest.raises(psycopg2.OperationalError) as caught:
            driver.connect(5)
    if "too many" in str(caught.value):
        leave_out("postgresql: it has no messages in German")
    assert isinstance(driver.classify(caught.value), errors.DBConnectionError)


def _is_sleeping(server, on_mariadb):
    if on_mariadb:
        return server.run("SELECT 1 FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'")
    return server.run("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'")


def _proxy_to(address, **options):
    return Proxy(f"//127.0.0.1:{make_url(address).port}", **options)


def _by_way_of(proxy, address, **parameters):
    url = make_url(address).set(port=proxy.url.rpartition(":")[2]).update_query_dict(parameters)
    return url.render_as_string(hide_password=False)


def _unreachable(address):
    return make_url(address).set(port=1).render_as_string(hide_password=False)


CODES = {
    "mariadb": {
        errors.DBDeadlock: (1205, 1213, 3101),
        errors.NodeNotReady: (1047,),
        errors.DBConnectionError: (
            *(1053, 1080, 1152, 1158, 1159, 1160, 1161, 1180, 1184, 1927, 3169, 4031),
            *(2006, 2013, 2027, 2055),
        ),
        errors.OtherNode: (1290, 1792, 1836, 3100, 3168, 9001, 9002, 9004, 9006),
        errors.TimedOut: (1969, 3024),
        errors.Refused: (1021, 1030, 1037, 1040, 1041, 1114, 1129, 1203, 1206, 1226, 1637, 1878),
        errors.NotPermitted: (1044, 1045, 1049, 1142, 1227, 1820),
        errors.StatementTooLarge: (1153, 1301, 1118),
        errors.DBError: (1366, 1406),
    },
    "postgresql": {
        errors.DBDeadlock: ("40000", "40001", "40P01", "55P03"),
        errors.DBConnectionError: (
            "57P01",
            "57P02",
            "57P04",
            "57P05",
            "25P03",
            "25P04",
            "08006",
            "08P01",
            "40003",
        ),
        errors.OtherNode: ("25006",),
        errors.TimedOut: ("57014",),
        errors.Refused: ("53000", "53100", "53200", "53300", "57000", "57P03", "58000", "58030", "58P01"),
        errors.NotPermitted: ("42501", "42P01"),
        errors.StatementTooLarge: ("54000",),
        errors.DBError: ("22001", "XX000"),
    },
}


def _raises(server, code, text="because"):
    """Return a statement that fails with this error code."""
    if server.name == "mariadb":
        return f"SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = '{text}'"
    return f"DO $$ BEGIN RAISE '{text}' USING ERRCODE = '{code}'; END $$"


def _failure(repository, statement):
    """Return the error of the statement, and whether its connection can still be used."""
    connection = repository._connections.take()
    repository._local.end = time.monotonic() + 9
    with pytest.raises(errors.DBError) as caught:
        connection.exec_driver_sql(statement)
    return caught.value, not connection.invalidated


@pytest.fixture
def _connected(repository):
    repository.check()


@pytest.mark.usefixtures("_connected")
@pytest.mark.parametrize("kind", list(CODES["mariadb"]))
def test_error_codes_are_classified(repository, server, kind):
    for code in CODES[server.name].get(kind, ()):
        failure, is_kept = _failure(repository, _raises(server, code))
        assert type(failure) is kind, code
        assert ("because" in str(failure)) == (kind is not errors.DBError)
        assert is_kept != issubclass(kind, errors.DBConnectionError | errors.OtherNode | errors.NodeNotReady)


@pytest.mark.usefixtures("_connected")
@pytest.mark.parametrize("server", on("mariadb"), indirect=True)
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('Got error 149 "Lock deadlock" during COMMIT', errors.DBDeadlock),
        ('Got error 35 "deadlock avoided" during COMMIT', errors.DBDeadlock),
        ("Got error 5 during COMMIT", errors.DBConnectionError),
    ],
)
def test_commit_that_conflicts_is_retried(repository, server, text, kind):
    assert type(_failure(repository, _raises(server, 1180, text))[0]) is kind


def test_unparsable_response_is_a_lost_connection(repository, on_mariadb):
    raised = (
        [pymysql.InternalError("Packet sequence number wrong - got 7 expected 1"), pymysql.InterfaceError(0, "")]
        if on_mariadb
        else [psycopg2.DatabaseError("lost synchronization with server"), psycopg2.InterfaceError("closed")]
    )
    classify = repository._driver.classify
    for error in raised:
        assert type(classify(error)) is errors.DBConnectionError
    assert type(classify(pymysql.DataError(1366, "") if on_mariadb else psycopg2.DataError())) is errors.DBError


@pytest.mark.parametrize("server", on("mariadb"), indirect=True)
class TestDocumentLargerThanAPacket:
    @pytest.fixture
    def limit(self, request, server):
        """Bytes of ``max_allowed_packet`` for the connections of the test; None for the server's default."""
        bytes_ = getattr(request, "param", None)
        if bytes_ is None:
            yield 16 << 20
            return
        server.run(f"SET GLOBAL max_allowed_packet = {bytes_}")
        yield bytes_
        server.run("SET GLOBAL max_allowed_packet = DEFAULT")

    @pytest.mark.parametrize(
        "limit", [1 << 20, pytest.param(64 << 10, marks=pytest.mark.slow), None], indirect=True
    )
    def test_document_larger_than_a_packet_is_refused_at_once(self, limit, repository, opened, caplog):
        kept = repository.create(JOBS, "one", job("one"))
        quoted = "'" * (limit * 3 // 4)
        for long in ("x" * limit, quoted):
            for call in (
                lambda long=long: repository.create(JOBS, "new", job("new", n=long)),
                lambda long=long: repository.replace(JOBS, "one", job("one", n=long), kept.token),
            ):
                caplog.clear()
                with pytest.raises(TooLarge, match="The store refuses a document of this size"):
                    call()
                (line,) = caplog.messages
                assert line.startswith("The SQL store refuses a statement for its size: ")
                assert line.endswith(f" bytes, and max_allowed_packet is {limit}")
                assert repository.get(JOBS, "one") == kept
        assert found(repository) == ["one"]
        # The connection is still open.
        assert repository.engine.pool.checkedout() == 1

    @pytest.mark.parametrize("limit", [256 << 10], indirect=True)
    def test_maximum_size_of_a_statement_is_that_of_the_server(self, limit, repository):
        repository.check()
        connection = repository._connections.take()
        driver = connection.connection.dbapi_connection
        largest = driver.max_statement_bytes
        statement = "SELECT 'a'".ljust(largest)
        connection.exec_driver_sql(statement)
        with pytest.raises(errors.StatementTooLarge):
            connection.exec_driver_sql(f"{statement} ")
        connection.exec_driver_sql(statement)
        driver.max_statement_bytes += 1
        with pytest.raises(errors.DBError):
            connection.exec_driver_sql(f"{statement} ")

    @pytest.mark.parametrize("limit", [1 << 20], indirect=True)
    def test_restore_splits_documents_into_several_packets(self, limit, repository):
        text = "x" * (limit // 3)
        assert (
            repository.restore(JOBS, [Original(f"j{n}", job(f"j{n}", n=text), 1, n) for n in range(5)])
            == [True] * 5
        )
        large = Original("large", job("large", n=text * 3), 1, 9)
        assert repository.restore(JOBS, [large, Original("j5", job("j5"), 1, 9)]) == [None, True]
        repository.delete(JOBS, "j5", repository.get(JOBS, "j5").token)
        assert found(repository) == [f"j{n}" for n in range(5)]

    @pytest.mark.parametrize("limit", [1 << 20], indirect=True)
    def test_import_reports_documents_that_are_too_large_and_continues(self, limit, repository):
        originals = [Original(f"j{n}", job(f"j{n}", n="x" * size), 1, n) for n, size in enumerate((1, limit, 1))]
        lines = []
        restored = Restore(repository, [JOBS], is_trial=False, report=lines.append)
        restored.run([(JOBS, original, 1) for original in originals], lambda _count: None)
        assert lines == ["Refused job j1: the store accepts no document of this size"]
        assert restored.counts == {"jobs": Count(new=2, refused=1)}
        assert found(repository) == ["j0", "j2"]

    @pytest.mark.parametrize("limit", [1 << 20], indirect=True)
    def test_legacy_import_refuses_documents_that_are_too_large_and_continues(self, limit, repository, tmp_path):
        dump, lines = tmp_path / "dump.json", []
        hits = [
            {
                "_type": "actions",
                "_id": f"a{n}",
                "_source": {
                    "action_id": f"a{n}",
                    "user_id": "u",
                    "text": "x" * size,
                    "freezer_action": {"action": "backup"},
                },
            }
            for n, size in enumerate((1, limit, 1))
        ]
        dump.write_text("".join(json.dumps(hit) + "\n" for hit in hits))
        with open_dump(str(dump)) as source:
            transfer = Transfer(
                source, repository, projects={}, on_conflict=OnConflict.SKIP, is_trial=False, report=lines.append
            )
            count = transfer.run(ACTIONS)
        assert (count.new, count.refused) == (2, 1)
        assert lines == ["Refused action a1: the store accepts no document of this size"]


def test_commands_get_the_maximum_size_of_a_statement(address, server, on_mariadb):
    made = databases.admin(address)
    assert made.size_limits() == ({"max_allowed_packet": 16 << 20} if on_mariadb else {})
    made.close()


class TestErrors:
    def test_errors_and_logs_contain_no_values(self, repository, caplog):
        for action in (
            lambda connection: connection.exec_driver_sql(f"SELECT '{SECRET}' FROM FROM"),
            lambda connection: connection.exec_driver_sql(
                f"INSERT INTO freezer_jobs (version) VALUES ('{SECRET}')"
            ),
        ):
            with pytest.raises(StoreFailed) as caught:
                repository._call(action)
            assert SECRET not in f"{caught.value}{caught.value.__cause__}{caught.value.__context__}{caplog.text}"

    def test_sql_store_refuses_text_that_is_not_unicode(self, repository, caplog):
        with pytest.raises(StoreFailed):
            repository.create(JOBS, "one", job("one", n=f"{SECRET}\ud800"))
        assert caplog.messages == ["The SQL store failed: UnicodeEncodeError"]
        assert found(repository) == []

    def test_unexpected_errors_are_logged_by_their_class_name(self, repository):
        failure = repository._driver.classify(RuntimeError(SECRET))
        assert (type(failure), str(failure)) == (errors.DBError, "RuntimeError")
