"""The tables' versions: making them, bringing them up to date, refusing those of a newer release.

Alembic keeps the steps; it is loaded only when there is one to take.
"""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from freezer_api.errors import StartFailed, Unavailable
from freezer_api.repository.sql.schema import VERSION_TABLE

HEAD = "0001"
"""The layout that this release reads and writes; the newest of ``migrations/versions``."""

MIGRATIONS = Path(__file__).parent / "migrations"


def current_version(connection: Connection) -> str | None:
    """The version of the layout in the store, None when there is none of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return version


def check_current(connection: Connection) -> None:
    """Raise ``Unavailable`` unless the layout is the one of this release."""
    if current_version(connection) != HEAD:
        raise Unavailable("The store's layout is not the one of this release")


def sync(engine: Engine) -> bool:
    """Make or upgrade the tables; whether there was anything to do. Safe when several processes do it at once.

    Raises :class:`StartFailed` when a newer release made them.
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
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    if version is not None and version not in {revision.revision for revision in script.walk_revisions()}:
        raise StartFailed(f"its layout {version} is of a newer release; this one knows up to {HEAD}")
    with EnvironmentContext(
        config, script, fn=lambda revision, _context: script._upgrade_revs("head", revision)
    ) as environment:
        environment.configure(connection=connection, version_table=VERSION_TABLE)
        environment.run_migrations()
