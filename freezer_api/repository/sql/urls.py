"""``[database] connection``: which database it names, and over which driver package that is reached.

What is said of a URL that cannot be used quotes nothing of it, as there is a password in it.
"""

from typing import TYPE_CHECKING

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from freezer_api.errors import StartFailed
from freezer_api.repository.sql.dialects import MYSQL, POSTGRESQL, SQLITE

if TYPE_CHECKING:
    from freezer_api.repository.sql.servers import Driver

OPTION = "[database] connection"
_NAMES = {SQLITE: SQLITE, MYSQL: MYSQL, "mariadb": MYSQL, POSTGRESQL: POSTGRESQL}
_PACKAGES = {SQLITE: "pysqlite", MYSQL: "pymysql", POSTGRESQL: "psycopg2"}


def parsed(connection: str, parameters: str = "", option: str = OPTION) -> URL:
    """The URL with further parameters; its ``drivername`` is ``sqlite``, ``mysql`` or ``postgresql``.

    ``StartFailed`` names the ``option`` that it is the value of.
    """
    try:
        url = make_url(connection).update_query_string(parameters)
    except (ArgumentError, ValueError):
        raise StartFailed(f"{option} is no URL such as mysql+pymysql://user:password@host/database") from None
    name, _, package = url.drivername.partition("+")
    if name not in _NAMES:
        raise StartFailed(
            f"{option}: documents are kept in {', '.join(dict.fromkeys(_NAMES.values()))}, not {name}"
        )
    name = _NAMES[name]
    if package not in ("", _PACKAGES[name]):
        raise StartFailed(f"{option}: {name} is reached over {_PACKAGES[name]} here, not {package}")
    url = url.set(drivername=name)
    if name == SQLITE:
        return _file(url, option)
    _check_place(url, option)
    return url


def _file(url: URL, option: str) -> URL:
    if not url.database or url.database == ":memory:":
        raise StartFailed(f"{option}: SQLite needs a file, such as sqlite:////var/lib/freezer/freezer.sqlite")
    return url


def _check_place(url: URL, option: str) -> None:
    if not url.database:
        raise StartFailed(f"{option} names no database")
    if "@" in (url.host or ""):
        raise StartFailed(f"{option}: in a password @ is written %40, / is %2F and % is %25")


def shown(url: URL) -> str:
    """The place without the account."""
    place = url.host or "localhost"
    return f"{url.drivername}://{place}{f':{url.port}' if url.port else ''}/{url.database}"


def driver(
    url: URL, option: str = OPTION, *, sql_mode: str = "", sync_wait: int | None = None, bounded: bool = True
) -> "Driver":
    """The way to the server. ``StartFailed`` names the ``option`` and what is missing; see the classes."""
    try:
        if url.drivername == MYSQL:
            from freezer_api.repository.sql.mysql import MySQL

            return MySQL(url, option, sql_mode=sql_mode, sync_wait=sync_wait, bounded=bounded)
        from freezer_api.repository.sql.postgresql import PostgreSQL
    except ModuleNotFoundError as error:
        extra = f"pip install 'freezer-api[{url.drivername}]'"
        raise StartFailed(f"{option}: {url.drivername} needs the package {error.name}: {extra}") from None
    return PostgreSQL(url, option, bounded=bounded)
