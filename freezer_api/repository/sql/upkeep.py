"""The tables' versions: making them, bringing them up to date, refusing those of a newer release.

Alembic keeps the steps; it is loaded only when there is one to take.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, inspect, select
from sqlalchemy.exc import DBAPIError

from freezer_api.errors import StartFailed, Unavailable
from freezer_api.repository.sql.schema import METADATA, TABLES, VERSION_TABLE
from freezer_api.repository.upkeep import Ask

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0002"
"""The layout that this release reads and writes; the newest of ``migrations/versions``."""

MIGRATIONS = Path(__file__).parent / "migrations"

_VERSIONS = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))


def current_version(connection: Connection) -> str | None:
    """The version of the layout in the store, None when there is none of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(_VERSIONS.c.version_num)).scalar()


def check_current(connection: Connection) -> None:
    """Raise ``Unavailable`` unless the layout is the one of this release."""
    if current_version(connection) != HEAD:
        raise Unavailable("The store's layout is not the one of this release")


def sync(engine: Engine) -> bool:
    """Make or upgrade the tables; whether there was anything to do. Safe when several processes do it at once.

    Raises :class:`StartFailed` when a newer release made them, and the driver's errors as they are.
    """
    with engine.connect() as connection:
        if current_version(connection) == HEAD:
            return False
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        version = current_version(connection)
        if version != HEAD:
            _upgrade(connection, version)
        connection.commit()
        return version != HEAD


def _upgrade(connection: Connection, version: str | None) -> None:
    from alembic import command
    from alembic.script import ScriptDirectory

    config = migrations(connection)
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise _newer(version)
    command.upgrade(config, "head")


def _newer(version: str) -> StartFailed:
    return StartFailed(f"its layout {version} is of a newer release; this one knows up to {HEAD}")


def migrations(connection: Connection) -> "Config":
    """What Alembic has to know; the connection goes to ``migrations/env.py``."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


class SQLUpkeep:
    """Upkeep of the tables in the file at ``path``. They are of one version together, so ``sync`` makes or
    upgrades all of them. Nothing else makes the file.
    """

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._path = path

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        with _in_our_words(self._path), self._engine.connect() as connection:
            yield connection

    def plan(self, kinds: Sequence[str]) -> list[str]:
        lines = self.pending(kinds)
        return lines or [f"{TABLES[kind].table.name}: is current" for kind in kinds]

    def shortcomings(self) -> list[str]:
        return []

    def pending(self, kinds: Sequence[str]) -> list[str]:
        version = None
        if self._path.exists():
            with self._connected() as connection:
                version = current_version(connection)
                if version is not None and version > HEAD:
                    raise _newer(version)
        if version == HEAD:
            return []
        done = "created" if version is None else f"upgraded from version {version}"
        return [f"{TABLES[kind].table.name}: would be {done}" for kind in kinds]

    def sync(self, kinds: Sequence[str], erase: Ask) -> None:  # noqa: ARG002 - nothing can be in the way
        with _in_our_words(self._path):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync(self._engine)

    def remove(self, kinds: Sequence[str], *, test_only: bool = False) -> list[str]:
        if not self._path.exists():
            return []
        with self._connected() as connection, connection.begin():
            there = self._ours(connection)
            removed = [kind for kind in kinds if TABLES[kind].table.name in there]
            if test_only:
                return removed
            if set(kinds) == set(TABLES):
                _VERSIONS.drop(connection, checkfirst=True)
                METADATA.drop_all(connection)
            else:
                for kind in removed:
                    connection.execute(TABLES[kind].table.delete())
        return removed

    def show(self) -> Any:
        if not self._path.exists():
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
        self._engine.dispose()


@contextmanager
def _in_our_words(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StartFailed(f"cannot use the data file {path}: {error.strerror}") from None
    except DBAPIError as error:
        raise StartFailed(f"cannot use the data file {path}: {error.orig}") from None
    except StartFailed as error:
        raise StartFailed(f"cannot use the data file {path}: {error}") from None
