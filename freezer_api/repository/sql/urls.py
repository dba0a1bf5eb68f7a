# SPDX-License-Identifier: Apache-2.0
"""The URL of a database, and the driver for it. Error messages do not quote the URL: it may contain a password."""

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from freezer_api.errors import ConfigurationError
from freezer_api.repository.sql.dialects import MYSQL, POSTGRESQL, SQLITE

if TYPE_CHECKING:
    from freezer_api.repository.sql.servers import Driver

_NAMES = {SQLITE: SQLITE, MYSQL: MYSQL, "mariadb": MYSQL, POSTGRESQL: POSTGRESQL}
_MODES = re.compile(r"[A-Za-z_, ]*")
_PACKAGES = {SQLITE: "pysqlite", MYSQL: "pymysql", POSTGRESQL: "psycopg2"}


def parsed(connection: str, parameters: str = "") -> URL:
    """Return the URL with further parameters; its ``drivername`` is ``sqlite``, ``mysql`` or ``postgresql``.

    Raises ``ConfigurationError`` if it is invalid.
    """
    try:
        # Remove the parameter plugin of devstack, which is for the engine of the original service.
        url = make_url(connection).update_query_string(parameters).difference_update_query(["plugin"])
    except (ArgumentError, ValueError):
        raise ConfigurationError("invalid URL; expected mysql+pymysql://user:password@host/database") from None
    name, _, package = url.drivername.partition("+")
    if name not in _NAMES:
        known = ", ".join(dict.fromkeys(_NAMES.values()))
        raise ConfigurationError(f"unsupported database {name}; supported are {known}")
    name = _NAMES[name]
    if package not in ("", _PACKAGES[name]):
        raise ConfigurationError(f"unsupported driver {package}; supported for {name} is {_PACKAGES[name]}")
    url = url.set(drivername=name)
    _check_parts(url)
    return url


def _check_parts(url: URL) -> None:
    if url.drivername == SQLITE:
        if not url.database or url.database == ":memory:":
            raise ConfigurationError("SQLite needs a file, such as sqlite:////var/lib/freezer/freezer.sqlite")
        return
    if not url.database:
        raise ConfigurationError("the name of the database is missing")
    if "@" in (url.host or ""):
        raise ConfigurationError("invalid URL; in a password write %40 for @, %2F for / and %25 for %")
    package = _PACKAGES[url.drivername]
    if find_spec(package) is None:
        raise ConfigurationError(f"the package {package} is missing: pip install 'freezer-api[{url.drivername}]'")


def is_sql_mode(text: str) -> bool:
    """Return whether the text has the form of MySQL's ``sql_mode``."""
    return _MODES.fullmatch(text) is not None


def shown(url: URL) -> str:
    """Return the URL without user, password and parameters."""
    host = url.host or "localhost"
    return f"{url.drivername}://{host}{f':{url.port}' if url.port else ''}/{url.database}"


def driver(url: URL, *, sql_mode: str = "", sync_wait: int | None = None, bounded: bool = True) -> "Driver":
    """Return the driver for the server at the URL. Raises ``ConfigurationError`` if a parameter is invalid."""
    if url.drivername == MYSQL:
        from freezer_api.repository.sql.mysql import MySQL

        return MySQL(url, sql_mode=sql_mode, sync_wait=sync_wait, bounded=bounded)
    from freezer_api.repository.sql.postgresql import PostgreSQL

    return PostgreSQL(url, bounded=bounded)
