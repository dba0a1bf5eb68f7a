"""Read-only connections to the SQL database of the original service."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from freezer_api.errors import CommandError
from freezer_api.repository.sql import urls
from freezer_api.repository.sql.dialects import POSTGRESQL, SQLITE
from freezer_api.repository.sql.servers import one_line, unbounded

OPTION = "--from-sql"


@dataclass(frozen=True)
class OriginalDatabase:
    """A database of the original service.

    ``name`` is its URL without the account, ``begin`` the statements that begin a read-only transaction.
    ``describe`` returns the message for an error of the database's driver.
    """

    name: str
    engine: Engine
    begin: tuple[str, ...]
    describe: Callable[[BaseException | None], str]

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """Return a connection that sees the database at one moment."""
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
            raise CommandError(f"cannot read {self.name}: {self.describe(error.orig)}") from None
        except UnicodeEncodeError:
            raise CommandError(f"cannot read {self.name}: an id is not UTF-8") from None
        except CommandError as error:
            raise CommandError(f"cannot read {self.name}: {error}") from None


def database_at(connection: str) -> OriginalDatabase:
    """Return the database of the URL. Raises ``CommandError`` if the original cannot have used it."""
    try:
        url = urls.parsed(connection)
        if url.drivername == SQLITE:
            return _file(Path(url.database or ""))
        if url.drivername == POSTGRESQL:
            raise CommandError("the original keeps its documents in MySQL, MariaDB or SQLite")
        driver = urls.driver(url, bounded=False)
    except CommandError as error:
        raise CommandError(f"{OPTION}: {error}") from None
    engine = create_engine(
        f"{driver.package}://",
        creator=lambda: unbounded(driver),
        poolclass=NullPool,
        # The statements of `begin` begin the transaction.
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
        skip_autocommit_rollback=True,
        hide_parameters=True,
    )
    begin = (
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    )
    return OriginalDatabase(urls.shown(url), engine, begin, lambda error: driver.trouble(error).text)


def _file(path: Path) -> OriginalDatabase:
    if not path.is_file():
        raise CommandError(f"there is no file {path}")
    uri = f"{path.absolute().as_uri()}?mode=ro"

    def _connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        return connection

    engine = create_engine("sqlite://", creator=_connect, poolclass=NullPool, hide_parameters=True)
    return OriginalDatabase(str(path), engine, ("PRAGMA query_only = ON", "BEGIN"), one_line)
