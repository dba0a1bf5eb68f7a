"""The URL of a database: what it names, and over which driver package that is reached.

What is said of one that cannot be used quotes nothing of it, as there is a password in it.
"""

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
    """The URL with further parameters; its ``drivername`` is ``sqlite``, ``mysql`` or ``postgresql``.

    ``ConfigurationError`` says why it cannot be used.
    """
    try:
        # Plugins are for the engine that the original made; devstack puts one there.
        url = make_url(connection).update_query_string(parameters).difference_update_query(["plugin"])
    except (ArgumentError, ValueError):
        raise ConfigurationError("no URL such as mysql+pymysql://user:password@host/database") from None
    name, _, package = url.drivername.partition("+")
    if name not in _NAMES:
        raise ConfigurationError(
            f"documents are kept in {', '.join(dict.fromkeys(_NAMES.values()))}, not in {name}"
        )
    name = _NAMES[name]
    if package not in ("", _PACKAGES[name]):
        raise ConfigurationError(f"{name} is reached over {_PACKAGES[name]} here, not over {package}")
    url = url.set(drivername=name)
    _check_place(url)
    return url


def _check_place(url: URL) -> None:
    if url.drivername == SQLITE:
        if not url.database or url.database == ":memory:":
            raise ConfigurationError("SQLite needs a file, such as sqlite:////var/lib/freezer/freezer.sqlite")
        return
    if not url.database:
        raise ConfigurationError("it names no database")
    if "@" in (url.host or ""):
        raise ConfigurationError("in a password @ is written %40, / is %2F and % is %25")
    package = _PACKAGES[url.drivername]
    if find_spec(package) is None:
        raise ConfigurationError(f"the package {package} is missing: pip install 'freezer-api[{url.drivername}]'")


def is_sql_mode(text: str) -> bool:
    """Whether MySQL may be told this."""
    return _MODES.fullmatch(text) is not None


def shown(url: URL) -> str:
    """The place without the account."""
    place = url.host or "localhost"
    return f"{url.drivername}://{place}{f':{url.port}' if url.port else ''}/{url.database}"


def driver(url: URL, *, sql_mode: str = "", sync_wait: int | None = None, bounded: bool = True) -> "Driver":
    """Return the driver for the server at the URL. Raises ``ConfigurationError`` if a parameter is invalid."""
    if url.drivername == MYSQL:
        from freezer_api.repository.sql.mysql import MySQL

        return MySQL(url, sql_mode=sql_mode, sync_wait=sync_wait, bounded=bounded)
    from freezer_api.repository.sql.postgresql import PostgreSQL

    return PostgreSQL(url, bounded=bounded)
