"""Which store the configuration names, and the way into it."""

import logging
import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from oslo_config import cfg
from sqlalchemy import URL

from freezer_api import embedded
from freezer_api.conf import opts, reading
from freezer_api.documents.search_index import MAX_VALUES
from freezer_api.errors import CommandError, ConfigurationError, StoreFailed, Unavailable
from freezer_api.repository.admin import Upkeep
from freezer_api.repository.elastic.access import Access, authorization, check_files, open_pool, parsed_hosts
from freezer_api.repository.elastic.admin import ElasticUpkeep
from freezer_api.repository.elastic.repository import ElasticRepository
from freezer_api.repository.elastic.transport import Connection, WrongServer
from freezer_api.repository.protocol import Repository
from freezer_api.repository.sql import urls
from freezer_api.repository.sql.dialects import SQLITE
from freezer_api.repository.sql.servers import Driver, Pooling, Waiting, open_server, server_upkeep
from freezer_api.repository.sql.sqlite import open_sqlite, sqlite_upkeep

LOG = logging.getLogger(__name__)

ELASTICSEARCH_DRIVERS = (
    "elasticsearch",
    "freezer_api.storage.elastic.ElasticSearchEngine",
    "freezer_api.storage.elasticv2.ElasticSearchEngineV2",
    "freezer_api.db.elasticsearch.driver.ElasticSearchDB",
)
SQL_DRIVERS = ("sqlalchemy", "freezer_api.db.sqlalchemy.driver.SQLDriver")
# The second is how a deployment tool wrote it for years.
_SQL_BACKENDS = ("sqlalchemy", "sqlachemy")

_FILES = ("ca_certs", "client_cert", "client_key")

_UPKEEP_DEADLINE = 30.0
"""Seconds; what makes, copies or removes an index may take longer than a request of the API."""


@dataclass(frozen=True)
class SQLStore:
    """A SQLite file. ``embedded``: nothing names it, it is made when it is needed."""

    path: Path
    embedded: bool = False
    max_values: int = MAX_VALUES

    def prepare(self) -> None:
        """What has to be right before the service starts; ``CommandError`` says what is not."""
        if self.embedded:
            embedded.prepare(self.path, self.max_values)
            return
        repository = self.open(1)
        try:
            _expect(repository.check)
        finally:
            repository.close()

    def open(self, threads: int) -> Repository:
        """The repository, for as many threads."""
        return open_sqlite(self.path, connections=threads, max_values=self.max_values)

    def upkeep(self) -> Upkeep:
        """The upkeep of the same store."""
        return sqlite_upkeep(self.path, self.max_values)

    def __str__(self) -> str:
        return str(self.path)


def _expect(look: Callable[[], object]) -> None:
    """Look whether the store is there; one that is not may come later."""
    with suppress(Unavailable, StoreFailed):
        look()
        return
    # Not while the error is handled: the log would append it.
    LOG.warning(
        "The store cannot be used yet; requests are answered with 503 until it can be. "
        "If it is new, run 'freezer-manage db sync'"
    )


@dataclass(frozen=True)
class ServerStore:
    """A database of a MariaDB, MySQL or PostgreSQL server. ``kept``: connections, None for one to each thread.
    ``option``: where the configuration names it.
    """

    option: str
    url: URL
    session: dict[str, Any]
    pooling: Pooling
    kept: int | None
    waiting: Waiting
    max_values: int = MAX_VALUES

    def _driver(self, *, bounded: bool = True) -> Driver:
        try:
            return urls.driver(self.url, **self.session, bounded=bounded)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.option}: {error}") from None

    def prepare(self) -> None:
        """Refuse what cannot work; a server that does not answer may come later."""
        driver = self._driver()
        for name in driver.ignored:
            LOG.warning("%s: the parameter %s has no effect", self.option, name)
        repository = open_server(driver, Pooling(kept=1))
        try:
            _expect(repository.check)
        finally:
            repository.close()

    def open(self, threads: int) -> Repository:
        """The repository, for as many threads."""
        kept = threads if self.kept is None else self.kept
        return open_server(self._driver(), replace(self.pooling, kept=kept), self.max_values)

    def upkeep(self) -> Upkeep:
        """The upkeep of the same store."""
        return server_upkeep(self._driver(bounded=False), self.waiting, str(self), self.max_values)

    def __str__(self) -> str:
        return urls.shown(self.url)


@dataclass(frozen=True)
class ElasticStore:
    """Indices of Elasticsearch or OpenSearch. ``option``: where the configuration names it."""

    option: str
    access: Access
    index: str
    replicas: int
    limits: dict[str, Any]
    max_values: int = MAX_VALUES

    def _connect(self, threads: int, **limits: Any) -> Connection:
        return Connection(
            lambda: open_pool(self.access, threads),
            authorization=self.access.authorization,
            **{**self.limits, **limits},
        )

    def _introduce(self, connection: Connection) -> None:
        try:
            connection.introduce()
        except WrongServer as error:
            raise ConfigurationError(f"{self.option}: {error.reason}") from None

    def prepare(self) -> None:
        """Refuse a server that is none of those supported. One that cannot be reached may come later."""
        check_files(self.access)
        connection = self._connect(1, retries=0)
        try:
            _expect(partial(self._introduce, connection))
        finally:
            connection.close()

    def open(self, threads: int) -> Repository:
        """The repository, for as many threads."""
        return ElasticRepository(self._connect(threads), self.index, max_values=self.max_values)

    def upkeep(self) -> Upkeep:
        """The upkeep of the same store."""
        check_files(self.access)
        connection = self._connect(4, deadline=max(_UPKEEP_DEADLINE, self.limits["deadline"]))
        with ExitStack() as on_error:
            on_error.callback(connection.close)
            try:
                self._introduce(connection)
            except Unavailable:
                where = self.option
                raise CommandError(f"{where}: ElasticSearch cluster is not available. Cannot ping it") from None
            on_error.pop_all()
        return ElasticUpkeep(connection, self.index, replicas=self.replicas, max_values=self.max_values)

    def __str__(self) -> str:
        return ", ".join(self.access.hosts)


Store = SQLStore | ServerStore | ElasticStore


def store_of(conf: cfg.ConfigOpts) -> Store:
    """The store that the configuration names; ``ConfigurationError`` when it names none, or one in a wrong way."""
    reading.check(conf, "api")
    return replace(_named(conf), max_values=conf.api.max_searchable_values)


def _named(conf: cfg.ConfigOpts) -> Store:
    storage = conf.storage
    if storage.driver in ELASTICSEARCH_DRIVERS:
        return _elastic(conf, storage.backend or "elasticsearch")
    if storage.driver in SQL_DRIVERS:
        return _sql(conf)
    if storage.driver:
        allowed = ", ".join((ELASTICSEARCH_DRIVERS[0], SQL_DRIVERS[0]))
        raise reading.wrong(conf, "storage", "driver", f"{storage.driver} is none of {allowed}")
    return _by_other_options(conf)


def _by_other_options(conf: cfg.ConfigOpts) -> Store:
    storage = conf.storage
    if storage.db not in (None, "", "elasticsearch"):
        raise reading.wrong(conf, "storage", "db", f"{storage.db} is not elasticsearch")
    if (
        storage.db
        or storage.endpoint
        or storage.backend == "elasticsearch"
        or reading.is_set(conf, "hosts", "elasticsearch")
    ):
        return _elastic(conf, "elasticsearch")
    group = storage.backend if storage.backend not in (None, "", *_SQL_BACKENDS) else None
    if group:
        opts.register_elasticsearch(conf, group)
        if reading.is_set(conf, "hosts", group):
            return _elastic(conf, group)
    if storage.backend in _SQL_BACKENDS or sql_connection(conf):
        return _sql(conf)
    if group:
        raise reading.wrong(conf, "storage", "backend", f"the group [{group}], which it names, has no hosts")
    if any(reading.is_set(conf, option.dest, "elasticsearch") for option in opts.ELASTICSEARCH):
        raise ConfigurationError("[elasticsearch] is there, but neither its hosts nor [storage] driver are set")
    return embedded_store(None)


def warn_of_embedded(store: Store) -> None:
    """Say it where a service in production would keep its documents on this machine alone."""
    if isinstance(store, SQLStore) and store.embedded:
        LOG.warning("The configuration names no store: the embedded one at %s is used", store)


def embedded_store(directory: str | None) -> SQLStore:
    """The store that nothing has to be set up for."""
    return SQLStore(embedded.data_dir(directory) / embedded.FILE, embedded=True)


def _sql(conf: cfg.ConfigOpts) -> SQLStore | ServerStore:
    options = conf.database
    connection = sql_connection(conf)
    if not connection:
        raise ConfigurationError("[database] connection is not set; it names the SQL store")
    try:
        url = urls.parsed(connection, options.connection_parameters or "")
    except ConfigurationError as error:
        raise reading.wrong(conf, "database", "connection", str(error)) from None
    if not urls.is_sql_mode(options.mysql_sql_mode or ""):
        raise reading.wrong(conf, "database", "mysql_sql_mode", "no words with commas between them")
    if url.drivername == SQLITE:
        return SQLStore(Path(url.database or ""))
    pooling = Pooling(
        more=-1 if options.max_overflow is None else options.max_overflow,
        recycle=_recycle_time(conf),
        retries=options.db_max_retries,
    )
    return ServerStore(
        reading.place(conf, "database", "connection"),
        url,
        {"sql_mode": options.mysql_sql_mode or "", "sync_wait": options.mysql_wsrep_sync_wait},
        pooling,
        options.max_pool_size,
        Waiting(options.max_retries, options.retry_interval),
    )


def _recycle_time(conf: cfg.ConfigOpts) -> int:
    """Seconds, by today's name or, where only that is set, by the old one."""
    options = conf.database
    is_old = options.idle_timeout is not None and not reading.is_set(conf, "connection_recycle_time", "database")
    return int(options.idle_timeout if is_old else options.connection_recycle_time)


def sql_connection(conf: cfg.ConfigOpts) -> str | None:
    """The URL of the SQL store, None when it is not set."""
    reading.check(conf, "database")
    connection: str | None = conf.database.connection
    return connection


def _elastic(conf: cfg.ConfigOpts, group: str) -> ElasticStore:
    opts.register_elasticsearch(conf, group)
    reading.check(conf, group)
    options = conf[group]
    option, hosts, in_url = _hosts(conf, group)
    for name in _FILES:
        if options[name] and not os.access(options[name], os.R_OK):
            raise reading.wrong(conf, group, name, f"{options[name]} cannot be read")
    access = Access(
        hosts=hosts,
        authorization=authorization(_credentials(options) or in_url, options.api_key),
        verify_certs=options.verify_certs is not False,
        ca_certs=options.ca_certs or None,
        fingerprint=options.fingerprint or None,
        client_cert=options.client_cert or None,
        client_key=options.client_key or None,
    )
    _warn(conf, group, access)
    limits = {name: options[name] for name in ("engine", "deadline", "timeout", "retries")}
    return ElasticStore(option, access, options.index, options.number_of_replicas, limits)


def _hosts(conf: cfg.ConfigOpts, group: str) -> tuple[str, tuple[str, ...], tuple[str, str] | None]:
    """Where they are named, their URLs, and the user and password that stand in them."""
    endpoint = conf.storage.endpoint
    option = ("storage", "endpoint") if endpoint else (group, "hosts")
    named = endpoint.split(",") if endpoint else conf[group].hosts
    try:
        return reading.place(conf, *option), *parsed_hosts(named, use_ssl=conf[group].use_ssl)
    except ConfigurationError as error:
        raise reading.wrong(conf, *option, str(error)) from None


def _warn(conf: cfg.ConfigOpts, group: str, access: Access) -> None:
    if not access.uses_tls:
        return
    if not access.verify_certs:
        LOG.warning("[%s] verify_certs is false: whoever answers at the store's address is believed", group)
    elif conf[group].verify_certs is None and not access.ca_certs and not access.fingerprint:
        LOG.warning(
            "[%s] verify_certs is not set: certificates are verified, against the well-known authorities", group
        )


def _credentials(options: Any) -> tuple[str, str] | None:
    if options.http_auth:
        user, _, password = options.http_auth.partition(":")
        return user, password
    return (options.username, options.password or "") if options.username else None
