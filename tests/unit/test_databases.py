# SPDX-License-Identifier: Apache-2.0
"""The options in ``[database]``: those of oslo.db, and the URL."""

import ssl
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api import stores
from freezer_api.conf import opts
from freezer_api.errors import ConfigurationError
from freezer_api.repository.sql import urls
from freezer_api.repository.sql.mysql import MySQL
from freezer_api.repository.sql.postgresql import PostgreSQL
from freezer_api.repository.sql.servers import ServerOptions

URL = "mysql+pymysql://freezer:p%40ss@127.0.0.1:1/freezer"
CLIENT = Path(__file__).with_name("client.pem")
"""A self-signed certificate and its key."""
POSTGRESQL = "postgresql+psycopg2://freezer:p%40ss@127.0.0.1:1/freezer"


@pytest.fixture
def store(tmp_path):
    """Return a function that returns the store for these lines of ``[database]``."""

    def _store(*lines, url=URL):
        file = tmp_path / "freezer.conf"
        file.write_text("\n".join(["[database]", f"connection = {url}", *lines]))
        conf = cfg.ConfigOpts()
        opts.register_stores(conf)
        conf(["--config-file", str(file)], project="freezer", default_config_files=[], default_config_dirs=[])
        return stores.find_store(conf)

    return _store


def options_of(found):
    """Return the options of the store that concern its connections."""
    return ServerOptions(**{field.name: getattr(found.options, field.name) for field in fields(ServerOptions)})


def test_url_without_other_options_gets_the_defaults(store):
    found = store()
    assert isinstance(found, stores.SQLServerStore)
    assert options_of(found) == ServerOptions(max_pool_size=None, max_overflow=50)
    assert found.options.session == {"sql_mode": "TRADITIONAL", "sync_wait": None}
    assert str(found) == "mysql://127.0.0.1:1/freezer"


def test_options_of_deployers_take_effect(store):
    found = store(
        "max_pool_size = 120",
        "max_overflow = 60",
        "idle_timeout = 3601",
        "max_retries = -1",
        "retry_interval = 3",
        "db_max_retries = 7",
        "mysql_sql_mode =",
        "mysql_wsrep_sync_wait = 1",
        "use_db_reconnect = true",
        "connection_parameters = charset=utf8",
    )
    assert options_of(found) == ServerOptions(120, 60, 3601, 7, -1, 3)
    assert found.options.session == {"sql_mode": "", "sync_wait": 1}
    assert found.options.url.query == {"charset": "utf8"}
    repository = found.open(threads=4)
    assert repository.engine.pool.size() == 120
    repository.close()


def test_new_name_of_an_option_overrides_the_old_one(store):
    assert store("idle_timeout = 3601", "connection_recycle_time = 60").options.connection_recycle_time == 60


def test_pool_has_a_connection_for_each_thread_by_default(store):
    repository = store().open(threads=4)
    assert repository.engine.pool.size() == 4
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
def test_usual_schemes_are_accepted(store, url, name):
    assert str(store(url=url)) == name


@pytest.mark.parametrize(
    ("url", "package", "extra"), [(URL, "pymysql", "mysql"), (POSTGRESQL, "psycopg2", "postgresql")]
)
def test_missing_package_is_reported_with_its_extra(store, monkeypatch, url, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigurationError) as refusal:
        store(url=url)
    assert str(refusal.value).startswith("[database] connection in ")
    assert f": the package {package} is missing: pip install 'freezer-api[{extra}]'" in str(refusal.value)


def settings(**options):
    return MySQL(urls.parsed(URL), **options)._arguments["init_command"]


def test_mysql_session_gets_the_configured_settings():
    assert settings(bounded=False) == (
        "SET SESSION time_zone = '+00:00', "
        "sql_mode = CONCAT(REPLACE(@@sql_mode, 'ORACLE', ''), ',STRICT_ALL_TABLES')"
    )
    assert settings(sql_mode="TRADITIONAL", sync_wait=7) == (
        "SET SESSION time_zone = '+00:00', sql_mode = 'TRADITIONAL,STRICT_ALL_TABLES', wsrep_sync_wait = 7, "
        "innodb_lock_wait_timeout = 3"
        " /*M!100101 , max_statement_time = 4.0 */ /*!50708 , max_execution_time = 4000 */"
    )


def test_sql_mode_with_other_characters_is_refused(store):
    with pytest.raises(ConfigurationError, match=r"^\[database\] mysql_sql_mode in \S+: no words"):
        store("mysql_sql_mode = ANSI'; DROP TABLE jobs")


def arguments(query="", url=URL):
    return MySQL(urls.parsed(f"{url}?{query}" if query else url))._arguments


@pytest.mark.parametrize(
    ("query", "verify", "hostname"),
    [
        (f"ssl_ca={CLIENT}", ssl.CERT_REQUIRED, True),
        (f"ssl_ca={CLIENT}&ssl_verify_cert=true", ssl.CERT_REQUIRED, True),
        (f"ssl_ca={CLIENT}&ssl_cert={CLIENT}&ssl_key={CLIENT}", ssl.CERT_REQUIRED, True),
        (f"ssl_ca={CLIENT}&ssl_check_hostname=false", ssl.CERT_REQUIRED, False),
        (f"ssl_ca={CLIENT}&ssl_verify_cert=0", ssl.CERT_NONE, False),
        ("ssl_verify_cert=1", ssl.CERT_REQUIRED, True),
        ("ssl_verify_cert=1&ssl_verify_identity=no", ssl.CERT_REQUIRED, False),
        ("ssl_verify_identity=true", ssl.CERT_REQUIRED, True),
        (f"ssl_cert={CLIENT}", ssl.CERT_NONE, False),
        (f"ssl_capath={CLIENT.parent}", ssl.CERT_REQUIRED, True),
        (f"ssl_ca={CLIENT}&ssl_disabled=false", ssl.CERT_REQUIRED, True),
    ],
)
def test_tls_parameters_of_mysql_urls_are_translated(query, verify, hostname):
    tls = arguments(f"charset=utf8&{query}")["ssl"]
    assert (tls.verify_mode, tls.check_hostname) == (verify, hostname)


def test_mysql_decides_on_tls_by_default():
    for query in ("charset=utf8", "ssl_disabled=false"):
        found = arguments(query)
        assert (found["ssl"], found["ssl_disabled"]) == (None, False)


def test_mysql_tls_can_be_disabled():
    found = arguments(f"ssl_ca={CLIENT}&ssl_disabled=true")
    assert (found["ssl"], found["ssl_disabled"]) == (None, True)


def test_ssl_cipher_of_a_mysql_url_sets_the_ciphers():
    ciphers = arguments("ssl_cipher=ECDHE-RSA-AES256-GCM-SHA384")["ssl"].get_ciphers()
    assert [cipher["name"] for cipher in ciphers if cipher["protocol"] == "TLSv1.2"] == [
        "ECDHE-RSA-AES256-GCM-SHA384"
    ]


def test_url_parameter_plugin_is_removed(store):
    assert "plugin" not in store(url=f"{POSTGRESQL}?plugin=dbcounter").options.url.query


def test_mysql_password_is_encoded_in_utf_8():
    assert arguments(url="mysql://u:p%E2%82%AC@h/f")["password"] == "p€".encode()


@pytest.mark.parametrize(
    ("url", "query", "reason"),
    [
        (URL, "ssl_ca=/no/ca.pem", "cannot use the TLS files /no/ca.pem: No such file or directory"),
        (
            URL,
            f"ssl_ca={CLIENT}&ssl_cert=/no/c",
            f"cannot use the TLS files {CLIENT}, /no/c: No such file or directory",
        ),
        (URL, f"ssl_cert={__file__}", f"cannot use the TLS files {__file__}: "),
        (URL, "ssl_cipher=none", "unknown cipher in ssl_cipher"),
        (URL, "ssl_mode=VERIFY_CA", "unknown parameter ssl_mode; known are ssl_ca, "),
        (POSTGRESQL, "host=a:1&host=b&port=7", "libpq: Can't mix 'multihost' formats together"),
        (POSTGRESQL, "charset=utf8", 'libpq: invalid connection option "charset"'),
    ],
)
def test_invalid_parameter_is_refused(store, tmp_path, url, query, reason):
    with pytest.raises(ConfigurationError) as refusal:
        store(url=f"{url}?{query}").prepare()
    assert str(refusal.value).startswith(f"[database] connection in {tmp_path}/freezer.conf: {reason}")
    assert "p@ss" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


EACH, TOGETHER = [("a", "1"), ("b", "2")], [("a,b", "1,2")]


@pytest.mark.parametrize(
    ("query", "hosts"),
    [
        ("host=a:1&host=b:2", EACH),
        ("host=a,b&port=1,2", EACH),
        ("host=a:1&host=b:2&target_session_attrs=read-write", EACH),
        ("host=a:1&host=b:2&target_session_attrs=prefer-standby", TOGETHER),
        ("host=a:1&host=b:2&hostaddr=::1,::1,::1", TOGETHER),
        ("host=/run/postgresql", [("/run/postgresql", None)]),
        ("", [(None, None)]),
    ],
)
def test_postgresql_hosts_are_tried_one_by_one(query, hosts):
    """Exception: libpq itself tries the hosts if a parameter makes it choose among them."""
    driver = PostgreSQL(urls.parsed(f"postgresql://u@/f?{query}"))
    assert [(host.get("host"), host.get("port")) for host in driver._hosts] == hosts
    assert {host["dbname"] for host in driver._hosts} == {"f"}


def test_postgresql_time_limit_is_for_one_statement():
    driver = PostgreSQL(urls.parsed("postgresql://u@h/f"))
    assert driver.with_time_limit("SELECT 1", 0.5) == "SET LOCAL statement_timeout = 500; SELECT 1"
    assert driver.with_time_limit("SELECT 1", 1e-6) == "SET LOCAL statement_timeout = 1; SELECT 1"


def test_unix_socket_of_a_mysql_url_is_used():
    assert arguments(url="mysql:///f?unix_socket=/run/mysqld.sock")["unix_socket"] == "/run/mysqld.sock"
