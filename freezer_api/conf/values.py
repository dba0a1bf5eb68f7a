# SPDX-License-Identifier: Apache-2.0
"""The configuration as values: a frozen dataclass for a group, checked when it is built."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import unquote, urlsplit

from oslo_config import cfg
from sqlalchemy import URL

from freezer_api.conf import opts, reading
from freezer_api.documents.limits import Limits
from freezer_api.errors import ConfigurationError
from freezer_api.repository.elastic.access import Access, authorization
from freezer_api.repository.sql import urls
from freezer_api.repository.sql.servers import ServerOptions

LOG = logging.getLogger(__name__)

_DEFAULT_PORTS = {"http": 9200, "https": 443}


@dataclass(frozen=True, kw_only=True)
class Elasticsearch(Access):
    """The options of the Elasticsearch store. ``source``: the option and the file that set the hosts."""

    source: str
    index: str
    number_of_replicas: int


@dataclass(frozen=True, kw_only=True)
class Database(ServerOptions):
    """The options in ``[database]``. ``source``: the option and the file that set the URL.

    ``max_pool_size``: number of connections that stay open, None for one for each thread.
    """

    source: str
    url: URL
    session: dict[str, Any]


def read_limits(conf: cfg.ConfigOpts) -> Limits:
    """Return the limits of ``[api]``. Raises ``ConfigurationError``."""
    reading.check_values(conf, "api")
    return Limits(**{field.name: conf.api[field.name] for field in fields(Limits)})


def read_elasticsearch(conf: cfg.ConfigOpts, group: str) -> Elasticsearch:
    """Return the group as the options of an Elasticsearch store. Raises ``ConfigurationError``."""
    opts.register_elasticsearch(conf, group)
    reading.check_values(conf, group)
    options = conf[group]
    endpoint = conf.storage.endpoint
    source = reading.locate(conf, *(("storage", "endpoint") if endpoint else (group, "hosts")))
    texts = endpoint.split(",") if endpoint else options.hosts
    try:
        hosts, credentials = parse_hosts(texts, use_ssl=options.use_ssl)
    except ConfigurationError as error:
        raise ConfigurationError(f"{source}: {error}") from None
    files: dict[str, Any] = {name: options[name] or None for name in ("ca_certs", "client_cert", "client_key")}
    for name, path in files.items():
        if path and not os.access(path, os.R_OK):
            raise reading.option_error(conf, group, name, f"{path} cannot be read")
    if any(host.startswith("https:") for host in hosts):
        _warn_of_verification(options, group)
    same = ("index", "number_of_replicas", "engine", "deadline", "timeout", "retries")
    return Elasticsearch(
        hosts=hosts,
        authorization=authorization(_credentials(options) or credentials, options.api_key),
        verify_certs=options.verify_certs is not False,
        fingerprint=options.fingerprint or None,
        source=source,
        **files,
        **{name: options[name] for name in same},
    )


def _warn_of_verification(options: Any, group: str) -> None:
    if options.verify_certs is False:
        LOG.warning("[%s] verify_certs is disabled: TLS connections to the store are not authenticated", group)
    elif options.verify_certs is None and not (options.ca_certs or options.fingerprint):
        LOG.warning(
            "[%s] verify_certs is not set: certificates are verified, against the well-known authorities", group
        )


def parse_hosts(texts: Sequence[str], *, use_ssl: bool) -> tuple[tuple[str, ...], tuple[str, str] | None]:
    """Return the URLs without credentials, and the user and password that they contain.

    Raises ``ConfigurationError`` if a text is not a URL.
    """
    hosts, credentials = [], set()
    for text in filter(None, map(str.strip, texts)):
        try:
            url = urlsplit(text if "://" in text else f"http://{text}")
            valid = url.scheme in _DEFAULT_PORTS and bool(url.hostname) and url.port != 0
        except ValueError:
            valid = False
        if not valid:
            # Do not show the text, which may contain a password.
            raise ConfigurationError("invalid URL; expected a value such as https://es1.example.org:9200")
        if url.username is not None:
            credentials.add((unquote(url.username), unquote(url.password or "")))
        scheme = "https" if use_ssl else url.scheme
        name = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
        hosts.append(f"{scheme}://{name}:{url.port or _DEFAULT_PORTS[url.scheme]}{url.path.rstrip('/')}")
    if not hosts:
        raise ConfigurationError("no URL; expected a value such as https://es1.example.org:9200")
    if len(credentials) > 1:
        raise ConfigurationError("the URLs contain several users; set one user by http_auth")
    return tuple(hosts), credentials.pop() if credentials else None


def _credentials(options: Any) -> tuple[str, str] | None:
    if options.http_auth:
        user, _, password = options.http_auth.partition(":")
        return user, password
    return (options.username, options.password or "") if options.username else None


def read_connection(conf: cfg.ConfigOpts) -> str | None:
    """Return the URL of the SQL store, None if it is not set."""
    reading.check_values(conf, "database")
    connection: str | None = conf.database.connection
    return connection


def read_database(conf: cfg.ConfigOpts) -> Database:
    """Return ``[database]``. Raises ``ConfigurationError``, also if ``connection`` is not set."""
    connection = read_connection(conf)
    if not connection:
        raise ConfigurationError("[database] connection is not set: it must have the URL of the SQL store")
    options = conf.database
    try:
        url = urls.parsed(connection, options.connection_parameters or "")
    except ConfigurationError as error:
        raise reading.option_error(conf, "database", "connection", str(error)) from None
    if not urls.is_sql_mode(options.mysql_sql_mode or ""):
        raise reading.option_error(conf, "database", "mysql_sql_mode", "no words with commas between them")
    return Database(
        source=reading.locate(conf, "database", "connection"),
        url=url,
        session={"sql_mode": options.mysql_sql_mode or "", "sync_wait": options.mysql_wsrep_sync_wait},
        **{field.name: options[field.name] for field in fields(ServerOptions)},
    )
