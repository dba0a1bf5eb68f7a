# SPDX-License-Identifier: Apache-2.0
"""The store that a configuration selects, and its options. Messages contain no secrets."""

import contextlib
import logging
import sqlite3
from pathlib import Path

import pytest
from platformdirs import user_data_path

from freezer_api import stores
from freezer_api.conf import opts
from freezer_api.errors import CommandError, ConfigurationError

CLIENT = Path(__file__).with_name("client.pem")
"""A certificate and its key, for these tests only."""

SECRET = "wonder:land/@1"
DRIVERS = [
    "elasticsearch",
    "freezer_api.storage.elastic.ElasticSearchEngine",
    "freezer_api.storage.elasticv2.ElasticSearchEngineV2",
    "freezer_api.db.elasticsearch.driver.ElasticSearchDB",
]
SQL_DRIVERS = ["sqlalchemy", "freezer_api.db.sqlalchemy.driver.SQLDriver"]
DATABASE = "[database]\nconnection = sqlite:////var/lib/freezer/freezer.sqlite\n"
SQLITE = "/var/lib/freezer/freezer.sqlite"
DEFAULT = "http://127.0.0.1:9200, index freezer"
ES = "[elasticsearch]\nhosts = http://es:1\n"


@pytest.fixture
def store(read_config):
    """Return a function that returns the store of a configuration file with this text."""
    return lambda text: stores.find_store(read_config(text, opts.register_stores))


@pytest.fixture
def refuse(store, tmp_path):
    """Return a function that returns the error for this text, without the name of the file."""

    def _refuse(text):
        with pytest.raises(ConfigurationError) as refusal:
            store(text)
        assert "\n" not in str(refusal.value)
        return str(refusal.value).replace(str(tmp_path / "freezer.conf"), "FILE")

    return _refuse


@pytest.fixture
def options(store):
    """Return a function that returns the options of an Elasticsearch store with these lines."""
    return lambda lines="": store(elastic(lines)).options


def elastic(lines):
    return f"[storage]\ndriver = elasticsearch\n[elasticsearch]\n{lines}\n"


# The first rule that applies selects the store.


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *((f"[storage]\ndriver = {driver}\n{ES}{DATABASE}", "http://es:1, index freezer") for driver in DRIVERS),
        *(
            (
                f"[storage]\ndriver = {driver}\nbackend = v2\n{ES}[v2]\nhosts = http://v2:1\nindex = other\n",
                "http://v2:1, index other",
            )
            for driver in DRIVERS
        ),
        *(
            (
                f"[storage]\ndriver = elasticsearch\nbackend = {backend}\nindex = mine\n",
                "http://127.0.0.1:9200, index mine",
            )
            for backend in ("storage", "database", "elasticsearch")
        ),
        *(
            (f"[storage]\ndriver = {driver}\n{backend}{ES}{DATABASE}", SQLITE)
            for driver in SQL_DRIVERS
            for backend in ("", "backend = sqlachemy\n", "backend = anything\n")
        ),
        (f"[storage]\ndb = elasticsearch\n{DATABASE}", DEFAULT),
        (f"[storage]\nhosts = http://es:1\n{DATABASE}", "http://es:1, index freezer"),
        (f"[storage]\nendpoint = http://es:1\n{DATABASE}", "http://es:1, index freezer"),
        (
            "[storage]\nendpoint = http://a:1, http://b:2\nhosts = http://c:3\n",
            "http://a:1, http://b:2, index freezer",
        ),
        ("[storage]\nendpoint =\nhosts = http://c:3\n", "http://c:3, index freezer"),
        (f"[elasticsearch]\nhosts = http://127.0.0.1:9200\n{DATABASE}", DEFAULT),
        (f"[storage]\nbackend = elasticsearch\n{DATABASE}", DEFAULT),
        (f"[storage]\nbackend = elasticv2\n[elasticv2]\nhosts = http://127.0.0.1:9200\n{DATABASE}", DEFAULT),
        (DATABASE, SQLITE),
        (f"[storage]\nbackend = sqlachemy\n{DATABASE}", SQLITE),
        (f"[storage]\nbackend = word\n{DATABASE}", SQLITE),
    ],
)
def test_first_rule_that_applies_selects_the_store(store, text, found):
    assert str(store(text)) == found


def test_without_options_the_store_is_embedded(store):
    assert store("") == stores.SQLiteStore(user_data_path("freezer-api") / "freezer.sqlite", embedded=True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        *(
            (f"[storage]\n{option}\n", "[database] connection is not set: it must have the URL of the SQL store")
            for option in (
                *(f"driver = {driver}" for driver in SQL_DRIVERS),
                "backend = sqlalchemy",
                "backend = sqlachemy",
            )
        ),
        *(
            (
                f"[storage]\ndriver = {driver}\n{DATABASE}",
                f"[storage] driver in FILE: {driver} is not one of elasticsearch, sqlalchemy",
            )
            for driver in ("mongodb", "sqlachemy")
        ),
        ("[storage]\ndb = mongodb\n", "[storage] db in FILE: mongodb is not elasticsearch"),
        ("[storage]\nbackend = elasticv2\n", "[storage] backend in FILE: the group [elasticv2] has no hosts"),
        *(
            (option, "[elasticsearch] has options, but neither its hosts nor [storage] driver are set")
            for option in ("[elasticsearch]\nindex = mine\n", "[storage]\nnumber_of_replicas = 1\n")
        ),
    ],
)
def test_incomplete_or_invalid_selection_is_refused(refuse, text, reason):
    assert refuse(text) == reason


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"mysql+pymysql://freezer:{SECRET}@db/freezer", "in a password write %40 for @, %2F for / and %25 for %"),
        (
            f"mysql+pymysql://freezer:{SECRET}@db:port/freezer",
            "invalid URL; expected mysql+pymysql://user:password@",
        ),
        ("mysql+pymysql://freezer:wonder$land@db/freezer", "write $$ for a literal $"),
        ("mysql+pymysql://freezer@db", "the name of the database is missing"),
        (
            f"mysql+mysqldb://freezer:{SECRET}@db/freezer",
            "unsupported driver mysqldb; supported for mysql is pymysql",
        ),
        (
            f"oracle://freezer:{SECRET}@db/freezer",
            "unsupported database oracle; supported are sqlite, mysql, postgresql",
        ),
        ("sqlite://", "SQLite needs a file"),
        ("sqlite:///:memory:", "SQLite needs a file"),
        (f"no url {SECRET}", "invalid URL; expected"),
    ],
)
def test_invalid_database_url_is_refused_without_its_password(refuse, url, reason):
    line = refuse(f"[database]\nconnection = {url}\n")
    assert line.startswith("[database] connection in FILE")
    assert reason in line
    assert SECRET not in line
    assert "land" not in line


# Tests of the options of Elasticsearch.


@pytest.mark.parametrize("group", ["elasticsearch", "storage"])
def test_every_option_has_its_old_name(store, group, caplog):
    found = store(
        f"[storage]\ndriver = elasticsearch\n[{group}]\nhosts = http://a:1,http://b:2\nindex = mine\ntimeout = 7\n"
        f"retries = 3\nuse_ssl = true\nverify_certs = true\nca_certs = {CLIENT}\nnumber_of_replicas = 2\n"
    ).options
    assert found.hosts == ("https://a:1", "https://b:2")
    assert (found.index, found.number_of_replicas) == ("mine", 2)
    assert (found.timeout, found.retries) == (7, 3)
    assert (found.verify_certs, found.ca_certs) == (True, str(CLIENT))
    assert any('from group "storage"' in message for message in caplog.messages) == (group == "storage")


def test_defaults_of_elasticsearch_options(options):
    found = options()
    assert (found.hosts, found.authorization, found.verify_certs) == (("http://127.0.0.1:9200",), None, True)
    assert (found.index, found.number_of_replicas) == ("freezer", 0)
    assert (found.engine, found.deadline, found.timeout, found.retries) == ("auto", 5.0, 60, 20)


@pytest.mark.parametrize(
    ("lines", "hosts"),
    [
        ("hosts = es", ("http://es:9200",)),
        ("hosts = es:1", ("http://es:1",)),
        ("hosts = https://es", ("https://es:443",)),
        ("hosts = https://es/path/", ("https://es:443/path",)),
        ("hosts = http://[::1]:1, http://b:2,", ("http://[::1]:1", "http://b:2")),
        ("hosts = 'http://es:1'", ("http://es:1",)),
        (
            "use_ssl = true\nhosts = http://a,http://b:1,https://c",
            ("https://a:9200", "https://b:1", "https://c:443"),
        ),
        ("use_ssl = false\nhosts = https://c", ("https://c:443",)),
    ],
)
def test_missing_scheme_and_port_of_hosts_are_added(options, lines, hosts):
    assert options(lines).hosts == hosts


@pytest.mark.parametrize(
    ("hosts", "reason"),
    [
        *(
            (hosts, "invalid URL; expected a value such as https://es1.example.org:9200")
            for hosts in ("ftp://es", f"http://u:{SECRET}@es:port", "http://", "http://es:0")
        ),
        *((hosts, "no URL; expected a value such as https://es1.example.org:9200") for hosts in ("", ",")),
        ("http://alice:x@a:1,http://bob:x@b:1", "the URLs contain several users; set one user by http_auth"),
    ],
)
def test_invalid_hosts_are_refused_without_their_text(refuse, hosts, reason):
    assert refuse(elastic(f"hosts = {hosts}")) == f"[elasticsearch] hosts in FILE: {reason}"


BASIC = "Basic YWxpY2U6d29uZGVyOmxhbmQvQDE="


@pytest.mark.parametrize(
    ("lines", "header"),
    [
        (f"http_auth = alice:{SECRET}", BASIC),
        (f"username = alice\npassword = {SECRET}", BASIC),
        ("hosts = http://alice:wonder%3Aland%2F%401@a:1,http://alice:wonder%3Aland%2F%401@b:1,http://c:1", BASIC),
        (f"http_auth = alice:{SECRET}\nhosts = http://bob:x@a:1", BASIC),
        ("http_auth = alice", "Basic YWxpY2U6"),
        ("username = alice", "Basic YWxpY2U6"),
        ("hosts = http://alice@a:1", "Basic YWxpY2U6"),
        (f"api_key = {SECRET}\nhttp_auth = alice:x", f"ApiKey {SECRET}"),
        ("", None),
    ],
)
def test_credentials_are_sent_but_not_shown(store, caplog, lines, header):
    caplog.set_level(logging.DEBUG)
    found = store(elastic(lines))
    assert found.options.authorization == header
    assert "@" not in str(found)
    for shown in (repr(found), str(found), repr(found.options), caplog.text):
        assert SECRET not in shown
        assert header is None or header not in shown


@pytest.mark.parametrize(
    ("lines", "warning"),
    [
        ("hosts = https://es", "certificates are verified, against the well-known authorities"),
        ("use_ssl = true", "certificates are verified, against the well-known authorities"),
        ("hosts = https://es\nca_certs = ''", "certificates are verified, against the well-known authorities"),
        ("hosts = https://es\nverify_certs = false", "TLS connections to the store are not authenticated"),
        ("hosts = https://es\nverify_certs = true", ""),
        (f"hosts = https://es\nca_certs = {CLIENT}", ""),
        ("hosts = https://es\nfingerprint = 00", ""),
        ("hosts = http://es\nverify_certs = false", ""),
    ],
)
def test_unsafe_certificate_options_are_logged(options, caplog, lines, warning):
    assert options(lines).verify_certs == ("verify_certs = false" not in lines)
    assert warning in caplog.text
    assert len(caplog.records) == bool(warning)


@pytest.mark.parametrize("option", ["engine = solr", "deadline = 0"])
def test_invalid_value_is_refused(refuse, option):
    assert refuse(elastic(option)).startswith(f"[elasticsearch] {option.partition(' ')[0]} in FILE: ")


@pytest.mark.parametrize("option", ["ca_certs", "client_cert", "client_key"])
def test_missing_file_is_refused(refuse, option):
    line = refuse(elastic(f"hosts = https://es:1\n{option} = /no/such.pem"))
    assert line == f"[elasticsearch] {option} in FILE: /no/such.pem cannot be read"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("ca_certs = {}/any.pem", "cannot use {}/any.pem for TLS with the store: [a-z ]+$"),
        ("client_cert = {}/any.pem", "cannot use {}/any.pem for TLS with the store: [a-z ]+$"),
        ("ca_certs = {}/directory", "cannot use {}/directory for TLS with the store: "),
        ("client_cert = {}/directory", "cannot use {}/directory for TLS with the store: "),
        (f"client_key = {CLIENT}", "client_key is set, but client_cert is not"),
        (f"client_cert = {CLIENT}\nfingerprint = 00", "client_cert needs a server that is verified by ca_certs"),
        (
            f"client_cert = {CLIENT}\nverify_certs = false",
            "client_cert needs a server that is verified by ca_certs",
        ),
    ],
)
def test_unusable_files_for_tls_are_refused_at_start(store, tmp_path, lines, reason):
    (tmp_path / "any.pem").write_text("nothing")
    (tmp_path / "directory").mkdir()
    found = store(elastic(f"hosts = https://es:1\n{lines.format(tmp_path)}"))
    with pytest.raises(ConfigurationError, match=reason.format(tmp_path)):
        found.prepare()


# Tests of the embedded store.


@pytest.mark.parametrize("is_embedded", [False, True])
def test_only_the_embedded_store_is_created_at_start(tmp_path, is_embedded):
    store = stores.SQLiteStore(tmp_path / "data" / "freezer.sqlite", embedded=is_embedded)
    store.prepare()
    assert store.path.exists() == is_embedded
    if is_embedded:
        with contextlib.closing(store.open(2)) as repository:
            repository.check()


@pytest.mark.parametrize("fault", ["directory", "content", "release"])
def test_unusable_embedded_store_is_refused_at_start(tmp_path, fault):
    path = tmp_path / "data" / "freezer.sqlite"
    if fault == "directory":
        path.parent.write_text("")
    else:
        stores.SQLiteStore(path, embedded=True).prepare()
    if fault == "content":
        path.write_bytes(b"garbage " * 1000)
    if fault == "release":
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE freezer_schema_version SET version_num = '9999'")
            connection.commit()
    with pytest.raises(CommandError, match=r"cannot use the data (directory|file) .*/data"):
        stores.SQLiteStore(path, embedded=True).prepare()
