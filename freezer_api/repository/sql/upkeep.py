"""The tables' versions: making them, bringing them up to date, refusing those of a newer release.

Alembic keeps the steps; it is loaded only when there is one to take.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, inspect, select

from freezer_api.errors import StartFailed, Unavailable
from freezer_api.repository.sql.schema import VERSION_TABLE

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
        raise StartFailed(f"its layout {version} is of a newer release; this one knows up to {HEAD}")
    command.upgrade(config, "head")


def migrations(connection: Connection) -> "Config":
    """What Alembic has to know; the connection goes to ``migrations/env.py``."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
