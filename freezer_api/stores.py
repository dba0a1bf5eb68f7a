# SPDX-License-Identifier: Apache-2.0
"""Choose the store from the configuration; prepare, open and administer it."""

import logging
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import platformdirs
from oslo_config import cfg

from freezer_api.conf import opts, reading, values
from freezer_api.documents.search_index import MAX_VALUES
from freezer_api.errors import CommandError, ConfigurationError, StoreFailed, Unavailable
from freezer_api.repository.admin import StoreAdmin
from freezer_api.repository.elastic.access import check_files
from freezer_api.repository.elastic.admin import ElasticAdmin
from freezer_api.repository.elastic.dialect import UnsupportedServer
from freezer_api.repository.elastic.repository import ElasticRepository
from freezer_api.repository.elastic.transport import Connection
from freezer_api.repository.protocol import Repository
from freezer_api.repository.sql import urls
from freezer_api.repository.sql.dialects import SQLITE
from freezer_api.repository.sql.servers import Driver, ServerAdmin, ServerOptions, ServerRepository
from freezer_api.repository.sql.sqlite import FileAdmin, SQLiteRepository

LOG = logging.getLogger(__name__)

ELASTICSEARCH_DRIVERS = (
    "elasticsearch",
    "freezer_api.storage.elastic.ElasticSearchEngine",
    "freezer_api.storage.elasticv2.ElasticSearchEngineV2",
    "freezer_api.db.elasticsearch.driver.ElasticSearchDB",
)
SQL_DRIVERS = ("sqlalchemy", "freezer_api.db.sqlalchemy.driver.SQLDriver")
# kolla used the second name in several releases.
_SQL_BACKENDS = ("sqlalchemy", "sqlachemy")

EMBEDDED_FILE = "freezer.sqlite"

_ADMIN_DEADLINE = 30.0
"""The deadline in seconds of commands, because creating, copying or removing an index may take long."""


@dataclass(frozen=True)
class SQLiteStore:
    """A SQLite file. ``embedded``: no option selects a store, and the service creates the file at its start."""

    path: Path
    embedded: bool = False
    max_values: int = MAX_VALUES

    def prepare(self) -> None:
        """Prepare the store before the service starts. Raises ``CommandError`` if it cannot be used."""
        if self.embedded:
            with closing(self.admin()) as admin:
                admin.sync([], erase=lambda _question: False)
            return
        with closing(self.open(1)) as repository:
            _warn_if_unavailable(repository.check)

    def open(self, threads: int) -> Repository:
        """Return the repository for this number of threads."""
        return SQLiteRepository(self.path, connections=threads, max_values=self.max_values)

    def admin(self) -> StoreAdmin:
        """Return the administration of the store."""
        return FileAdmin(self.path, self.max_values)

    def __str__(self) -> str:
        return str(self.path)


def _warn_if_unavailable(check: Callable[[], object]) -> None:
    """Log a warning if the store is not available. It may become available later."""
    with suppress(Unavailable, StoreFailed):
        check()
        return
    # Log after the block that handles the error, because the log would append it.
    LOG.warning(
        "The store cannot be used yet; requests are answered with 503 until it can be. "
        "If it is new, run 'freezer-manage db sync'"
    )


@dataclass(frozen=True)
class SQLServerStore:
    """A database of a MariaDB, MySQL or PostgreSQL server."""

    options: values.Database
    max_values: int = MAX_VALUES

    def _driver(self, *, bounded: bool = True) -> Driver:
        try:
            return urls.driver(self.options.url, **self.options.session, bounded=bounded)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.options.source}: {error}") from None

    def prepare(self) -> None:
        """Check the options. Log a warning if the server does not answer."""
        with closing(ServerRepository(self._driver(), ServerOptions(max_pool_size=1))) as repository:
            _warn_if_unavailable(repository.check)

    def open(self, threads: int) -> Repository:
        size = self.options.max_pool_size
        options = replace(self.options, max_pool_size=threads if size is None else size)
        return ServerRepository(self._driver(), options, self.max_values)

    def admin(self) -> StoreAdmin:
        return ServerAdmin(self._driver(bounded=False), self.options, str(self), self.max_values)

    def __str__(self) -> str:
        return urls.shown(self.options.url)


@dataclass(frozen=True)
class ElasticsearchStore:
    """The indices on Elasticsearch or OpenSearch servers."""

    options: values.Elasticsearch
    max_values: int = MAX_VALUES

    def _connect(self, threads: int, **limits: Any) -> Connection:
        return Connection(replace(self.options, **limits), threads)

    def _check_server(self, connection: Connection) -> None:
        try:
            connection.detect_engine()
        except UnsupportedServer as error:
            raise ConfigurationError(f"{self.options.source}: {error.reason}") from None

    def prepare(self) -> None:
        """Refuse a server that is not supported. Log a warning if the server does not answer."""
        check_files(self.options)
        with closing(self._connect(1, retries=0)) as connection:
            _warn_if_unavailable(partial(self._check_server, connection))

    def open(self, threads: int) -> Repository:
        return ElasticRepository(self._connect(threads), self.options.index, max_values=self.max_values)

    def admin(self) -> StoreAdmin:
        check_files(self.options)
        connection = self._connect(4, deadline=max(_ADMIN_DEADLINE, self.options.deadline))
        with ExitStack() as on_error:
            on_error.callback(connection.close)
            try:
                self._check_server(connection)
            except Unavailable:
                where = self.options.source
                raise CommandError(f"{where}: ElasticSearch cluster is not available. Cannot ping it") from None
            on_error.pop_all()
        return ElasticAdmin(
            connection, self.options.index, replicas=self.options.number_of_replicas, max_values=self.max_values
        )

    def __str__(self) -> str:
        return f"{', '.join(self.options.hosts)}, index {self.options.index}"


Store = SQLiteStore | SQLServerStore | ElasticsearchStore


def find_store(conf: cfg.ConfigOpts) -> Store:
    """Return the store that the options select. Raises ``ConfigurationError`` if an option is invalid."""
    storage = conf.storage
    if storage.driver in ELASTICSEARCH_DRIVERS:
        return _elasticsearch(conf, storage.backend or "elasticsearch")
    if storage.driver in SQL_DRIVERS:
        return _sql(conf)
    if storage.driver:
        allowed = ", ".join((ELASTICSEARCH_DRIVERS[0], SQL_DRIVERS[0]))
        raise reading.option_error(conf, "storage", "driver", f"{storage.driver} is not one of {allowed}")
    return _find_without_driver(conf)


def _find_without_driver(conf: cfg.ConfigOpts) -> Store:
    storage = conf.storage
    if storage.db not in (None, "", "elasticsearch"):
        raise reading.option_error(conf, "storage", "db", f"{storage.db} is not elasticsearch")
    if (
        storage.db
        or storage.endpoint
        or storage.backend == "elasticsearch"
        or reading.is_set(conf, "hosts", "elasticsearch")
    ):
        return _elasticsearch(conf, "elasticsearch")
    group = storage.backend if storage.backend not in (None, "", *_SQL_BACKENDS) else None
    if group:
        opts.register_elasticsearch(conf, group)
        if reading.is_set(conf, "hosts", group):
            return _elasticsearch(conf, group)
    if storage.backend in _SQL_BACKENDS or values.read_connection(conf):
        return _sql(conf)
    if group:
        raise reading.option_error(conf, "storage", "backend", f"the group [{group}] has no hosts")
    if any(reading.is_set(conf, option.dest, "elasticsearch") for option in opts.ELASTICSEARCH):
        raise ConfigurationError("[elasticsearch] has options, but neither its hosts nor [storage] driver are set")
    return embedded_store(None, _max_values(conf))


def _elasticsearch(conf: cfg.ConfigOpts, group: str) -> ElasticsearchStore:
    return ElasticsearchStore(values.read_elasticsearch(conf, group), _max_values(conf))


def _sql(conf: cfg.ConfigOpts) -> SQLiteStore | SQLServerStore:
    options = values.read_database(conf)
    if options.url.drivername == SQLITE:
        return SQLiteStore(Path(options.url.database or ""), max_values=_max_values(conf))
    return SQLServerStore(options, _max_values(conf))


def _max_values(conf: cfg.ConfigOpts) -> int:
    return values.read_limits(conf).max_searchable_values


def warn_if_embedded(store: Store) -> None:
    """Log a warning if no option selects a store, so that documents are stored on this machine."""
    if isinstance(store, SQLiteStore) and store.embedded:
        LOG.warning("No option selects a store: the embedded store at %s is used", store)


def embedded_store(directory: str | None, max_values: int) -> SQLiteStore:
    """Return the embedded store, which needs no configuration. By default it is in the user's data directory."""
    folder = Path(directory) if directory else platformdirs.user_data_path("freezer-api")
    return SQLiteStore(folder / EMBEDDED_FILE, embedded=True, max_values=max_values)
