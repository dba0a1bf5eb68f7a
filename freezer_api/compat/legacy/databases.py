"""Ways into the original's SQL database that leave it as it is."""

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
class Place:
    """A database; ``name`` is it without the account, ``begin`` the statements that begin a transaction which only
    reads, ``told`` what an error means.
    """

    name: str
    engine: Engine
    begin: tuple[str, ...]
    told: Callable[[BaseException | None], str]

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """As it is at one moment."""
        with self.engine.connect() as connection:
            for statement in self.begin:
                connection.exec_driver_sql(statement)
            yield connection

    @contextmanager
    def in_our_words(self) -> Iterator[None]:
        """Say what is in the way in one line."""
        try:
            yield
        except DBAPIError as error:
            raise CommandError(f"cannot read {self.name}: {self.told(error.orig)}") from None
        except UnicodeEncodeError:
            raise CommandError(f"cannot read {self.name}: an id is not UTF-8") from None
        except CommandError as error:
            raise CommandError(f"cannot read {self.name}: {error}") from None


def place_of(connection: str) -> Place:
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
        # Statements commit by themselves: the one transaction is begun by ours.
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
        skip_autocommit_rollback=True,
        hide_parameters=True,
    )
    begin = (
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    )
    return Place(urls.shown(url), engine, begin, lambda error: driver.trouble(error).text)


def _file(path: Path) -> Place:
    if not path.is_file():
        raise CommandError(f"there is no file {path}")
    uri = f"{path.absolute().as_uri()}?mode=ro"

    def _connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None)
        connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
        return connection

    engine = create_engine("sqlite://", creator=_connect, poolclass=NullPool, hide_parameters=True)
    return Place(str(path), engine, ("PRAGMA query_only = ON", "BEGIN"), one_line)
