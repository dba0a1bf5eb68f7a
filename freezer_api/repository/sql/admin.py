"""The tables' versions: making them, bringing them up to date, refusing those of a newer release.

Alembic keeps the steps; it is loaded only when there is one to take.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Connection, Engine, inspect, literal, select, table

from freezer_api.documents.search_index import MAX_VALUES
from freezer_api.errors import CommandError, Unavailable
from freezer_api.repository.admin import Ask, Foreign
from freezer_api.repository.sql.dialects import MYSQL, alone
from freezer_api.repository.sql.schema import METADATA, TABLES, VERSION_TABLE, VERSIONS

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0006"
"""The layout that this release reads and writes; the newest of ``migrations/versions``."""

MIGRATIONS = Path(__file__).parent / "migrations"

_OF_THE_ORIGINAL = ("backups", "clients", "jobs", "actions", "sessions")
"""Tables that may be in the same database, and are none of ours."""


def current_version(connection: Connection) -> str | None:
    """The version of the layout in the store, None when there is none of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(VERSIONS.c.version_num)).scalar()


def check_version(version: str | None) -> None:
    """Raise ``Unavailable`` unless the layout is the one of this release."""
    if version != HEAD:
        raise Unavailable("The store's layout is not the one of this release")


def sync(engine: Engine, max_values: int = MAX_VALUES) -> bool:
    """Make or upgrade the tables; whether there was anything to do. Safe when several processes do it at once, and
    after one that was killed while it did. If documents are indexed again, ``max_values`` of each are searchable.

    Raises :class:`CommandError` when a newer release made them, and the driver's errors as they are.
    """
    with engine.connect() as connection:
        if current_version(connection) == HEAD:
            return False
        with alone(connection):
            version = current_version(connection)
            if version != HEAD:
                _upgrade(connection, version, max_values)
        return version != HEAD


def _upgrade(connection: Connection, version: str | None, max_values: int) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = migrations(connection, max_values)
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise _newer(version)
    command.upgrade(config, "head")


def _newer(version: str) -> CommandError:
    return CommandError(f"its layout {version} is of a newer release; this one knows up to {HEAD}")


def migrations(connection: Connection, max_values: int = MAX_VALUES) -> "Config":
    """What Alembic has to know; the attributes are for ``migrations/``."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection, "max_values": max_values})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


class Ground(Protocol):
    """What the tables stand on."""

    def is_there(self) -> bool:
        """Whether there is anything that could be looked at."""
        ...

    def make(self) -> None:
        """Make what nobody else makes."""
        ...

    def reached(self) -> AbstractContextManager[None]:
        """Within it every error becomes ``CommandError``, with one line."""
        ...


class SQLAdmin:
    """Administers the tables. They have one version together, so ``sync`` makes or upgrades all of them."""

    def __init__(self, engine: Engine, ground: Ground, max_values: int = MAX_VALUES) -> None:
        self.engine = engine
        self._max_values = max_values
        self._ground = ground

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with self._ground.reached(), self.engine.connect() as connection:
            yield connection

    def plan(self, kinds: Sequence[str]) -> list[str]:
        lines = self.pending(kinds)
        return lines or [f"{TABLES[kind].table.name}: is current" for kind in kinds]

    def shortcomings(self) -> list[str]:
        return []

    def foreign(self, kinds: Sequence[str]) -> list[Foreign]:  # noqa: ARG002 - tables have no templates
        return []

    def size_limits(self) -> dict[str, int]:
        if self.engine.dialect.name != MYSQL:
            return {}
        with self._connected() as connection:
            return {"max_allowed_packet": connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar_one()}

    def pending(self, kinds: Sequence[str]) -> list[str]:
        version = None
        if self._ground.is_there():
            with self._connected() as connection:
                version = current_version(connection)
                if version is not None and version > HEAD:
                    raise _newer(version)
        if version == HEAD:
            return []
        done = "created" if version is None else f"upgraded from version {version}"
        return [f"{TABLES[kind].table.name}: would be {done}" for kind in kinds]

    def sync(self, kinds: Sequence[str], erase: Ask) -> None:  # noqa: ARG002 - nothing can be in the way
        with self._ground.reached():
            self._ground.make()
            sync(self.engine, self._max_values)

    def notes(self) -> list[str]:
        with self._connected() as connection:
            theirs = _filled(connection, _OF_THE_ORIGINAL)
            if not theirs or _filled(connection, METADATA.tables):
                return []
        note = (
            f"The tables of the original Freezer API in the same database ({', '.join(theirs)}) were left as they "
            "are; 'freezer-manage import --from-sql database' brings over what is in them"
        )
        return [note]

    def remove(self, kinds: Sequence[str], *, test_only: bool = False) -> list[str]:
        if not self._ground.is_there():
            return []
        with self._connected() as connection:
            there = self._ours(connection)
            removed = [kind for kind in kinds if TABLES[kind].table.name in there]
            if not test_only:
                with alone(connection):
                    _remove(connection, removed, everything=set(kinds) == set(TABLES))
        return removed

    def show(self) -> Any:
        if not self._ground.is_there():
            return None
        with self._connected() as connection:
            return self._ours(connection) or None

    @staticmethod
    def _ours(connection: Connection) -> list[str]:
        ours = {VERSION_TABLE, *METADATA.tables}
        return sorted(ours & set(inspect(connection).get_table_names()))

    def update_settings(self) -> str:
        return "The SQL store has no settings to update"

    def close(self) -> None:
        self.engine.dispose()


def _remove(connection: Connection, kinds: Sequence[str], *, everything: bool) -> None:
    if everything:
        # First, so that an end in the middle leaves what a later sync completes.
        VERSIONS.drop(connection, checkfirst=True)
        METADATA.drop_all(connection)
    else:
        for kind in kinds:
            connection.execute(TABLES[kind].table.delete())


def _filled(connection: Connection, names: Iterable[str]) -> list[str]:
    """Those of the tables that are there and have a row."""
    there = set(inspect(connection).get_table_names())
    rows = {name: select(literal(1)).select_from(table(name)).limit(1) for name in names if name in there}
    return [name for name, row in rows.items() if connection.execute(row).first()]
