"""Which store a configuration names, how it is reached, and that no secret is shown on the way."""

import contextlib
import logging
import sqlite3
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api import embedded, stores
from freezer_api.conf import opts
from freezer_api.errors import CommandError, ConfigurationError

CLIENT = Path(__file__).with_name("client.pem")
"""A certificate and its key, made for these tests alone."""

SECRET = "wonder:land/@1"
DRIVERS = [
    "elasticsearch",
    "freezer_api.storage.elastic.ElasticSearchEngine",
    "freezer_api.storage.elasticv2.ElasticSearchEngineV2",
    "freezer_api.db.elasticsearch.driver.ElasticSearchDB",
]
SQL_DRIVERS = ["sqlalchemy", "freezer_api.db.sqlalchemy.driver.SQLDriver"]
DATABASE = "[database]\nconnection = sqlite:////var/lib/freezer/freezer.sqlite\n"


@pytest.fixture
def read(tmp_path):
    """The configuration that a file with this text makes."""

    def _read(text):
        file = tmp_path / "freezer.conf"
        file.write_text(text)
        conf = cfg.ConfigOpts()
        opts.register_stores(conf)
        conf(["--config-file", str(file)], project="freezer", default_config_files=[], default_config_dirs=[])
        return conf

    return _read


@pytest.fixture
def store(read):
    """The store that such a configuration names."""
    return lambda text: stores.find_store(read(text))


def refused(store, text):
    """The one line that says why."""
    with pytest.raises(ConfigurationError) as refusal:
        store(text)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def elastic(text=""):
    """A configuration of Elasticsearch with these options."""
    return f"[storage]\ndriver = elasticsearch\n[elasticsearch]\n{text}\n"


# The choice, by the first rule that fits.


@pytest.mark.parametrize("driver", DRIVERS)
def test_rule_1_a_driver_of_elasticsearch_wins_over_everything(store, driver):
    found = store(f"[storage]\ndriver = {driver}\n[elasticsearch]\nhosts = http://es:1\n{DATABASE}")
    assert isinstance(found, stores.ElasticsearchStore)
    assert str(found) == "http://es:1, index freezer"


@pytest.mark.parametrize("driver", DRIVERS)
def test_rule_1_its_options_are_in_the_group_that_backend_names(store, driver):
    found = store(
        f"[storage]\ndriver = {driver}\nbackend = elasticv2\n"
        "[elasticv2]\nhosts = http://v2:1\nindex = other\n[elasticsearch]\nhosts = http://es:1\n"
    )
    assert str(found) == "http://v2:1, index other"


@pytest.mark.parametrize("backend", ["storage", "database", "elasticsearch"])
def test_rule_1_the_group_may_be_one_that_has_options_of_its_own(store, backend):
    found = store(f"[storage]\ndriver = elasticsearch\nbackend = {backend}\nindex = mine\n")
    assert str(found) == "http://127.0.0.1:9200, index mine"


@pytest.mark.parametrize("driver", SQL_DRIVERS)
@pytest.mark.parametrize("backend", ["", "backend = sqlachemy\n", "backend = anything\n"])
def test_rule_2_a_driver_of_sql_wins_over_other_options(store, driver, backend):
    found = store(f"[storage]\ndriver = {driver}\n{backend}[elasticsearch]\nhosts = http://es:1\n{DATABASE}")
    assert found == stores.SQLiteStore(Path("/var/lib/freezer/freezer.sqlite"))
    assert str(found) == "/var/lib/freezer/freezer.sqlite"


@pytest.mark.parametrize("driver", SQL_DRIVERS)
def test_rule_2_without_a_connection_there_is_no_local_file_instead(store, driver):
    assert "[database] connection is not set" in refused(store, f"[storage]\ndriver = {driver}\n")


@pytest.mark.parametrize("driver", ["mongodb", "sqlachemy"])
def test_rule_3_another_driver_is_refused_with_those_that_there_are(store, tmp_path, driver):
    line = refused(store, f"[storage]\ndriver = {driver}\n{DATABASE}")
    assert line == (f"[storage] driver in {tmp_path}/freezer.conf: {driver} is none of elasticsearch, sqlalchemy")


@pytest.mark.parametrize("option", ["db = elasticsearch", "hosts = http://es:1", "endpoint = http://es:1"])
def test_rule_4_options_of_the_first_releases_are_elasticsearch(store, option):
    found = store(f"[storage]\n{option}\n{DATABASE}")
    assert isinstance(found, stores.ElasticsearchStore)
    host = "http://127.0.0.1:9200" if option.startswith("db") else "http://es:1"
    assert str(found) == f"{host}, index freezer"


def test_rule_4_another_word_for_db_is_refused(store, tmp_path):
    line = refused(store, "[storage]\ndb = mongodb\n")
    assert line == f"[storage] db in {tmp_path}/freezer.conf: mongodb is not elasticsearch"


def test_rule_4_the_endpoint_counts_before_the_hosts_unless_it_is_empty(store):
    found = store("[storage]\nendpoint = http://a:1, http://b:2\nhosts = http://c:3\n")
    assert found.options.hosts == ("http://a:1", "http://b:2")
    assert str(store("[storage]\nendpoint =\nhosts = http://c:3\n")) == "http://c:3, index freezer"


@pytest.mark.parametrize(
    "text",
    [
        "[elasticsearch]\nhosts = http://127.0.0.1:9200\n",
        "[storage]\nbackend = elasticsearch\n",
        "[storage]\nbackend = elasticv2\n[elasticv2]\nhosts = http://127.0.0.1:9200\n",
    ],
)
def test_rule_5_hosts_or_a_backend_are_elasticsearch(store, text):
    found = store(text + DATABASE)
    assert isinstance(found, stores.ElasticsearchStore)
    assert str(found) == "http://127.0.0.1:9200, index freezer"


@pytest.mark.parametrize("storage", ["", "[storage]\nbackend = sqlachemy\n", "[storage]\nbackend = word\n"])
def test_rule_6_a_connection_is_sql(store, storage):
    assert isinstance(store(storage + DATABASE), stores.SQLiteStore)


@pytest.mark.parametrize("backend", ["sqlalchemy", "sqlachemy"])
def test_a_backend_of_sql_alone_wants_a_connection(store, backend):
    assert "[database] connection is not set" in refused(store, f"[storage]\nbackend = {backend}\n")


def test_a_backend_without_hosts_is_refused(store, tmp_path):
    line = refused(store, "[storage]\nbackend = elasticv2\n")
    place = f"[storage] backend in {tmp_path}/freezer.conf"
    assert line == f"{place}: the group [elasticv2], which it names, has no hosts"


def test_rule_7_nothing_is_the_embedded_store(store):
    assert store("") == stores.SQLiteStore(embedded.data_dir(None) / embedded.FILE, embedded=True)


@pytest.mark.parametrize("option", ["[elasticsearch]\nindex = mine\n", "[storage]\nnumber_of_replicas = 1\n"])
def test_rule_7_is_not_for_a_store_that_is_named_by_halves(store, option):
    assert "neither its hosts nor [storage] driver are set" in refused(store, option)


@pytest.mark.parametrize(
    ("url", "why"),
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
def test_a_database_that_cannot_be_used_is_refused_without_its_password(store, tmp_path, url, why):
    line = refused(store, f"[database]\nconnection = {url}\n")
    assert line.startswith(f"[database] connection in {tmp_path}/freezer.conf")
    assert why in line
    assert SECRET not in line
    assert "land" not in line


# The options.


@pytest.mark.parametrize("group", ["elasticsearch", "storage"])
def test_every_option_has_its_old_name(store, group, caplog):
    ca = CLIENT
    text = (
        "[storage]\ndriver = elasticsearch\n"
        f"[{group}]\nhosts = http://a:1,http://b:2\nindex = mine\ntimeout = 7\nretries = 3\nuse_ssl = true\n"
        f"verify_certs = true\nca_certs = {ca}\nnumber_of_replicas = 2\n"
    )
    if group == "storage":
        text = text.replace("[storage]\nhosts", "hosts")
    found = store(text)
    assert found.options.hosts == ("https://a:1", "https://b:2")
    assert (found.options.index, found.options.number_of_replicas) == ("mine", 2)
    assert (found.options.timeout, found.options.retries) == (7, 3)
    assert (found.options.verify_certs, found.options.ca_certs) == (True, str(ca))
    old = [
        record.message
        for record in caplog.records
        if "from group" in record.message or "storage" in record.message
    ]
    assert bool(old) == (group == "storage")


def test_without_options(store):
    found = store(elastic())
    assert (found.options.hosts, found.options.authorization) == (("http://127.0.0.1:9200",), None)
    assert found.options.verify_certs
    assert (found.options.index, found.options.number_of_replicas) == ("freezer", 0)
    assert (found.options.engine, found.options.deadline) == ("auto", 5.0)
    assert (found.options.timeout, found.options.retries) == (60, 20)


@pytest.mark.parametrize(
    ("hosts", "shown"),
    [
        ("es", ("http://es:9200",)),
        ("es:1", ("http://es:1",)),
        ("https://es", ("https://es:443",)),
        ("https://es/path/", ("https://es:443/path",)),
        ("http://[::1]:1, http://b:2,", ("http://[::1]:1", "http://b:2")),
        ("'http://es:1'", ("http://es:1",)),
    ],
)
def test_hosts(store, hosts, shown):
    assert store(elastic(f"hosts = {hosts}")).options.hosts == shown


@pytest.mark.parametrize("hosts", ["ftp://es", f"http://u:{SECRET}@es:port", "http://", "http://es:0", "", ","])
def test_hosts_that_are_none(store, tmp_path, hosts):
    line = refused(store, elastic(f"hosts = {hosts}"))
    assert line.startswith(f"[elasticsearch] hosts in {tmp_path}/freezer.conf: ")
    assert SECRET not in line


def test_use_ssl_turns_http_into_https_and_leaves_the_port(store):
    found = store(elastic("use_ssl = true\nhosts = http://a,http://b:1,https://c"))
    assert found.options.hosts == ("https://a:9200", "https://b:1", "https://c:443")
    assert store(elastic("use_ssl = false\nhosts = https://c")).options.hosts == ("https://c:443",)


BASIC = "Basic YWxpY2U6d29uZGVyOmxhbmQvQDE="


@pytest.mark.parametrize(
    ("options", "header"),
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
def test_how_the_service_proves_itself_and_that_it_is_not_shown(store, caplog, options, header):
    caplog.set_level(logging.DEBUG)
    found = store(elastic(options))
    assert found.options.authorization == header
    assert "@" not in str(found)
    for shown in (repr(found), str(found), repr(found.options), caplog.text):
        assert SECRET not in shown
        assert header is None or header not in shown


def test_two_users_in_the_hosts_are_refused(store):
    line = refused(store, elastic("hosts = http://alice:x@a:1,http://bob:x@b:1"))
    assert line.endswith(": the URLs contain several users; set one user by http_auth")


@pytest.mark.parametrize(
    ("options", "warned"),
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
def test_warnings(store, caplog, options, warned):
    found = store(elastic(options))
    assert found.options.verify_certs == ("verify_certs = false" not in options)
    assert warned in caplog.text
    assert len(caplog.records) == bool(warned)


@pytest.mark.parametrize("option", ["index = Upper", "engine = solr", "deadline = 0", "number_of_replicas = -1"])
def test_values_that_cannot_be_are_refused(store, tmp_path, option):
    name = option.partition(" ")[0]
    assert refused(store, elastic(option)).startswith(f"[elasticsearch] {name} in {tmp_path}/freezer.conf: ")


@pytest.mark.parametrize("option", ["ca_certs", "client_cert", "client_key"])
def test_a_file_that_is_not_there_is_named(store, tmp_path, option):
    line = refused(store, elastic(f"hosts = https://es:1\n{option} = /no/such.pem"))
    assert line == f"[elasticsearch] {option} in {tmp_path}/freezer.conf: /no/such.pem cannot be read"


@pytest.mark.parametrize("option", ["ca_certs", "client_cert"])
def test_a_file_that_holds_no_certificate_is_told(store, tmp_path, option):
    (tmp_path / "any.pem").write_text("nothing")
    (tmp_path / "directory").mkdir()
    found = store(elastic(f"hosts = https://es:1\n{option} = {tmp_path / 'any.pem'}"))
    with pytest.raises(
        ConfigurationError, match=f"cannot use {tmp_path}/any.pem for TLS with the store: [a-z ]+$"
    ):
        found.prepare()
    found = store(elastic(f"hosts = https://es:1\n{option} = {tmp_path / 'directory'}"))
    with pytest.raises(ConfigurationError, match=f"cannot use {tmp_path}/directory for TLS with the store: "):
        found.prepare()


def test_a_key_without_a_certificate_is_refused(store):
    found = store(elastic(f"hosts = https://es:1\nclient_key = {CLIENT}"))
    with pytest.raises(ConfigurationError, match="client_key is set, but client_cert is not"):
        found.prepare()


@pytest.mark.parametrize("option", ["fingerprint = 00", "verify_certs = false"])
def test_a_certificate_of_the_service_that_would_not_be_shown_is_refused(store, option):
    found = store(elastic(f"hosts = https://es:1\nclient_cert = {CLIENT}\n{option}"))
    with pytest.raises(ConfigurationError, match="client_cert needs a server that is verified by ca_certs"):
        found.prepare()


def test_the_embedded_store_is_made_when_the_service_starts_and_another_is_not(tmp_path):
    for is_embedded in (False, True):
        path = tmp_path / str(is_embedded) / "freezer.sqlite"
        store = stores.SQLiteStore(path, embedded=is_embedded)
        store.prepare()
        assert path.exists() == is_embedded
    repository = store.open(2)
    repository.check()
    repository.close()


@pytest.mark.parametrize("trouble", ["directory", "content", "release"])
def test_an_embedded_store_that_cannot_be_made_keeps_the_service_from_starting(tmp_path, trouble):
    path = tmp_path / "data" / "freezer.sqlite"
    if trouble == "directory":
        path.parent.write_text("")
    else:
        stores.SQLiteStore(path, embedded=True).prepare()
    if trouble == "content":
        path.write_bytes(b"garbage " * 1000)
    if trouble == "release":
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE freezer_schema_version SET version_num = '9999'")
            connection.commit()
    with pytest.raises(CommandError, match=r"cannot use the data (directory|file) .*/data"):
        stores.SQLiteStore(path, embedded=True).prepare()


# Real servers.
