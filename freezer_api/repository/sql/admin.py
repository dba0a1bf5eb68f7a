# SPDX-License-Identifier: Apache-2.0
"""Create, upgrade and remove the tables. Alembic is imported only when there is a migration to run."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, inspect, literal, select, table

from freezer_api.documents.search_index import MAX_VALUES
from freezer_api.errors import CommandError, Unavailable
from freezer_api.repository.admin import Ask, Foreign, StoreAdmin, Task, silent
from freezer_api.repository.sql.dialects import MYSQL, schema_lock
from freezer_api.repository.sql.schema import METADATA, TABLES, VERSION_TABLE, VERSIONS

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0006"
"""The version of the layout that this release uses: the newest migration."""

_FIRST_RELEASE = "0006"
_FORMER = "0001"
"""Alembic's version of all layouts before the first release."""

_ORIGINAL_TABLES = ("backups", "clients", "jobs", "actions", "sessions")
"""Tables of the original service, which may use the same database."""


def current_version(connection: Connection) -> str | None:
    """Return the version of the layout in the database, None if it has no tables of this service."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(VERSIONS.c.version_num)).scalar()


def check_version(version: str | None) -> None:
    """Raise ``Unavailable`` unless the layout is the one of this release."""
    if version != HEAD:
        raise Unavailable("The store's layout is not the one of this release")


def sync(engine: Engine, max_values: int = MAX_VALUES) -> bool:
    """Create or upgrade the tables. Return whether they changed.

    Several processes may do it at the same time, and a later one completes what a killed one began. If documents
    are indexed again, ``max_values`` of each are searchable. Raises ``CommandError`` if a newer release created
    the tables, and the driver's errors.
    """
    with engine.connect() as connection:
        if _known_version(connection) == HEAD:
            return False
        with schema_lock(connection):
            version = _known_version(connection)
            if version != HEAD:
                _upgrade(connection, version, max_values)
        return version != HEAD


def _upgrade(connection: Connection, version: str | None, max_values: int) -> None:
    from alembic import command

    if version is not None and version < _FIRST_RELEASE:
        # One migration upgrades from all former layouts. An interrupted upgrade starts again.
        connection.execute(VERSIONS.update().values(version_num=_FORMER))
    command.upgrade(alembic_config(connection, max_values), "head")


def _known_version(connection: Connection) -> str | None:
    """Return the current version. Raises ``CommandError`` if a newer release created the tables."""
    version = current_version(connection)
    if version is not None and version > HEAD:
        raise CommandError(f"its layout {version} is of a newer release; this one knows up to {HEAD}")
    return version


def alembic_config(connection: Connection, max_values: int = MAX_VALUES) -> "Config":
    """Return the configuration of Alembic; the attributes are for ``migrations/``."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection, "max_values": max_values})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


class SQLAdmin(StoreAdmin):
    """The administration of the tables. All have a common version, so ``sync`` creates or upgrades all."""

    def __init__(self, engine: Engine, max_values: int = MAX_VALUES) -> None:
        self.engine = engine
        self._max_values = max_values

    @abstractmethod
    def _exists(self) -> bool:
        """Return whether there is a database to connect to."""

    @abstractmethod
    def _prepare(self) -> None:
        """Prepare the file or the server before a database is created."""

    @abstractmethod
    def _command_errors(self) -> AbstractContextManager[None]:
        """Return a context in which every error is raised as ``CommandError`` with one line."""

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with self._command_errors(), self.engine.connect() as connection:
            yield connection

    def foreign(self, kinds: Sequence[str]) -> list[Foreign]:  # noqa: ARG002 - tables have no templates
        return []

    def size_limits(self) -> dict[str, int]:
        if self.engine.dialect.name != MYSQL:
            return {}
        with self._connected() as connection:
            return {"max_allowed_packet": connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar_one()}

    def pending(self, kinds: Sequence[str]) -> list[str]:
        version = None
        if self._exists():
            with self._connected() as connection:
                version = _known_version(connection)
        if version == HEAD:
            return []
        done = "created" if version is None else f"upgraded from version {version}"
        return [f"{TABLES[kind].table.name}: would be {done}" for kind in kinds]

    def sync(self, kinds: Sequence[str], erase: Ask, task: Task = silent) -> None:  # noqa: ARG002 - one transaction
        with self._command_errors():
            self._prepare()
            sync(self.engine, self._max_values)

    def notes(self) -> list[str]:
        with self._connected() as connection:
            originals = _filled(connection, _ORIGINAL_TABLES)
            if not originals or _filled(connection, METADATA.tables):
                return []
        note = (
            f"The tables of the original Freezer API in the same database ({', '.join(originals)}) were left as "
            "they are; 'freezer-manage import --from-sql database' brings over what is in them"
        )
        return [note]

    def remove(self, kinds: Sequence[str], *, test_only: bool = False) -> list[str]:
        if not self._exists():
            return []
        with self._connected() as connection:
            existing = self._existing(connection)
            removed = [kind for kind in kinds if TABLES[kind].table.name in existing]
            if not test_only:
                with schema_lock(connection):
                    if set(kinds) == set(TABLES):
                        # Delete the version first, so that the next sync repairs an interrupted removal.
                        VERSIONS.drop(connection, checkfirst=True)
                        METADATA.drop_all(connection)
                    else:
                        for kind in removed:
                            connection.execute(TABLES[kind].table.delete())
        return removed

    def show(self) -> Any:
        if not self._exists():
            return None
        with self._connected() as connection:
            return self._existing(connection) or None

    @staticmethod
    def _existing(connection: Connection) -> list[str]:
        return sorted({VERSION_TABLE, *METADATA.tables} & set(inspect(connection).get_table_names()))

    def update_settings(self) -> str:
        return "The SQL store has no settings to update"

    def close(self) -> None:
        self.engine.dispose()


def _filled(connection: Connection, names: Iterable[str]) -> list[str]:
    """Return those of the tables that exist and have a row."""
    existing = set(inspect(connection).get_table_names())
    rows = {name: select(literal(1)).select_from(table(name)).limit(1) for name in names if name in existing}
    return [name for name, row in rows.items() if connection.execute(row).first()]
