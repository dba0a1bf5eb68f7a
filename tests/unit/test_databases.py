"""``[database]``: what the options of oslo.db come to, and what an operator may write in a URL."""

import sys
import time

import pytest
from oslo_config import cfg

from freezer_api import config, stores
from freezer_api.errors import StartFailed
from freezer_api.repository.sql import urls
from freezer_api.repository.sql.mysql import MySQL
from freezer_api.repository.sql.servers import Pooling, Waiting

URL = "mysql+pymysql://freezer:p%40ss@127.0.0.1:1/freezer"
POSTGRESQL = "postgresql+psycopg2://freezer:p%40ss@127.0.0.1:1/freezer"


@pytest.fixture
def store(tmp_path):
    """The store that these lines of ``[database]`` name."""

    def _store(*lines, url=URL):
        file = tmp_path / "freezer.conf"
        file.write_text("\n".join(["[database]", f"connection = {url}", *lines]))
        conf = cfg.ConfigOpts()
        config.register_stores(conf)
        conf(["--config-file", str(file)], project="freezer", default_config_files=[], default_config_dirs=[])
        return stores.store_of(conf)

    return _store


def test_nothing_but_a_url_will_do(store):
    found = store()
    assert isinstance(found, stores.ServerStore)
    assert (found.pooling, found.kept) == (Pooling(more=50), None)
    assert found.waiting == Waiting(tries=10, interval=10)
    assert found.session == {"sql_mode": "TRADITIONAL", "sync_wait": None}
    assert str(found) == "mysql://127.0.0.1:1/freezer"


def test_the_options_of_deployers_count(store, caplog):
    found = store(
        "max_pool_size = 120",
        "max_overflow = 60",
        "pool_timeout = 60",
        "idle_timeout = 3601",
        "max_retries = -1",
        "retry_interval = 3",
        "db_max_retries = 7",
        "mysql_sql_mode =",
        "mysql_wsrep_sync_wait = 1",
        "use_db_reconnect = true",
        "connection_parameters = ssl_ca=/etc/ca.pem",
    )
    assert found.pooling == Pooling(more=60, wait=60, recycle=3601, retries=7)
    assert found.kept == 120
    assert found.waiting == Waiting(tries=-1, interval=3)
    assert found.session == {"sql_mode": "", "sync_wait": 1}
    assert found.url.query == {"ssl_ca": "/etc/ca.pem"}
    assert "idle_timeout" in caplog.text
    repository = found.open(threads=4)
    assert repository._access.engine.pool.size() == 120
    repository.close()


def test_without_a_number_every_thread_keeps_its_connection(store):
    repository = store().open(threads=4)
    assert repository._access.engine.pool.size() == 4
    repository.close()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("mysql://u@h/f", "mysql://h/f"),
        ("mariadb+pymysql://u@h:3307/f", "mysql://h:3307/f"),
        ("postgresql://u@h/f", "postgresql://h/f"),
        ("postgresql+psycopg2:///f", "postgresql://localhost/f"),
    ],
)
def test_every_usual_name_of_a_server(store, url, name):
    assert str(store(url=url)) == name


@pytest.mark.parametrize(
    ("url", "package", "extra"), [(URL, "pymysql", "mysql"), (POSTGRESQL, "psycopg2", "postgresql")]
)
def test_a_package_that_is_missing_is_named_with_its_extra(store, monkeypatch, url, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(StartFailed) as refusal:
        store(url=url)
    assert str(refusal.value).startswith("[database] connection in ")
    assert f": the package {package} is missing: pip install 'freezer-api[{extra}]'" in str(refusal.value)


@pytest.mark.parametrize("url", [URL, POSTGRESQL])
def test_a_service_starts_before_its_server(store, caplog, url):
    begun = time.monotonic()
    store(url=url).prepare()
    assert time.monotonic() - begun < 5
    assert caplog.messages[-1] == "The store cannot be used yet; requests are answered with 503 until it can be"
    assert "p@ss" not in caplog.text


def test_upkeep_of_a_server_that_is_not_there_ends(store):
    upkeep = store("max_retries = 0").upkeep()
    with pytest.raises(StartFailed, match=r"^cannot use mysql://127.0.0.1:1/freezer: Can't connect"):
        upkeep.show()
    upkeep.close()


def settings(**options):
    return MySQL(urls.parsed(URL), **options)._arguments["init_command"]


def test_the_settings_of_a_session_on_mysql():
    assert settings(bounded=False) == "SET SESSION time_zone = '+00:00'"
    assert settings(sql_mode="TRADITIONAL", sync_wait=7) == (
        "SET SESSION time_zone = '+00:00', sql_mode = 'TRADITIONAL', wsrep_sync_wait = 7, "
        "innodb_lock_wait_timeout = 3"
        " /*M!100101 , max_statement_time = 4.0 */ /*!50708 , max_execution_time = 4000 */"
    )


def test_a_sql_mode_is_nothing_but_that(store):
    with pytest.raises(StartFailed, match=r"^\[database\] mysql_sql_mode in \S+: no words"):
        store("mysql_sql_mode = ANSI'; DROP TABLE jobs")


@pytest.mark.parametrize(
    ("query", "tls"),
    [
        ("charset=utf8", {}),
        ("ssl_ca=/ca", {"ssl_ca": "/ca", "ssl_verify_cert": True, "ssl_verify_identity": True}),
        (
            "ssl_ca=/ca&ssl_verify_cert=true&ssl_cert=/c&ssl_key=/k&ssl_check_hostname=false",
            {
                "ssl_ca": "/ca",
                "ssl_cert": "/c",
                "ssl_key": "/k",
                "ssl_verify_cert": True,
                "ssl_verify_identity": False,
            },
        ),
        ("ssl_ca=/ca&ssl_verify_cert=0", {"ssl_ca": "/ca", "ssl_verify_cert": False}),
        ("ssl_verify_cert=1&ssl_verify_identity=no", {"ssl_verify_cert": True, "ssl_verify_identity": False}),
    ],
)
def test_tls_to_mysql(query, tls):
    arguments = MySQL(urls.parsed(f"{URL}?{query}"))._arguments
    assert {name: value for name, value in arguments.items() if name.startswith("ssl")} == tls
    assert arguments["password"] == "p@ss"


def test_a_socket_of_mysql():
    assert MySQL(urls.parsed("mysql:///f?unix_socket=/run/mysqld.sock"))._arguments["unix_socket"] == (
        "/run/mysqld.sock"
    )
