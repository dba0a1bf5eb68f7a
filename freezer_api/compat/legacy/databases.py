# SPDX-License-Identifier: Apache-2.0
"""Read-only connections to the SQL database of the original service."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from freezer_api.errors import CommandError
from freezer_api.repository.sql import urls
from freezer_api.repository.sql.dialects import POSTGRESQL, SQLITE
from freezer_api.repository.sql.server_errors import DBError, one_line
from freezer_api.repository.sql.servers import unbounded_engine

OPTION = "--from-sql"


@dataclass(frozen=True)
class OriginalDatabase:
    """A database of the original service.

    ``name`` is its URL without the account, ``begin`` the statements that begin a read-only transaction.
    """

    name: str
    engine: Engine
    begin: tuple[str, ...]

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """Return a connection that reads one snapshot of the database."""
        with self.engine.connect() as connection:
            for statement in self.begin:
                connection.exec_driver_sql(statement)
            yield connection

    @contextmanager
    def errors_in_one_line(self) -> Iterator[None]:
        """Raise ``CommandError`` with one line for errors of the database."""
        try:
            yield
        except DBAPIError as error:
            raise CommandError(f"cannot read {self.name}: {one_line(error.orig)}") from None
        except UnicodeEncodeError:
            raise CommandError(f"cannot read {self.name}: an id is not UTF-8") from None
        except (DBError, CommandError) as error:
            raise CommandError(f"cannot read {self.name}: {error}") from None


def database_at(connection: str) -> OriginalDatabase:
    """Return the database of the URL. Raises ``CommandError`` if the original cannot have used it."""
    try:
        url = urls.parsed(connection)
        if url.drivername == SQLITE:
            return _file(Path(url.database or ""))
        if url.drivername == POSTGRESQL:
            raise CommandError("the original supports only MySQL, MariaDB and SQLite")
        driver = urls.driver(url, bounded=False)
    except CommandError as error:
        raise CommandError(f"{OPTION}: {error}") from None
    # The driver must not begin a transaction, because ``begin`` does.
    engine = unbounded_engine(driver).execution_options(isolation_level="AUTOCOMMIT")
    begin = (
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    )
    return OriginalDatabase(urls.shown(url), engine, begin)


def _file(path: Path) -> OriginalDatabase:
    if not path.is_file():
        raise CommandError(f"the file {path} does not exist")
    uri = f"{path.absolute().as_uri()}?mode=ro"

    def _connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        return connection

    engine = create_engine("sqlite://", creator=_connect, poolclass=NullPool, hide_parameters=True)
    return OriginalDatabase(str(path), engine, ("PRAGMA query_only = ON", "BEGIN"))
