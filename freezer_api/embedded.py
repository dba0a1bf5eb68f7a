"""The embedded store: a SQLite file in a directory of the user's."""

from pathlib import Path

import platformdirs
from sqlalchemy.exc import DBAPIError

from freezer_api.errors import FreezerError, StartFailed
from freezer_api.repository.sql import upkeep
from freezer_api.repository.sql.sqlite import sqlite_engine

FILE = "freezer.sqlite"


def data_dir(named: str | None) -> Path:
    """The directory of the store."""
    return Path(named) if named else platformdirs.user_data_path("freezer-api")


def prepare(path: Path) -> Path:
    """Make the store, or bring it up to date; its path. ``StartFailed`` says what is in the way."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine = sqlite_engine(path, timeout=5.0, connections=1)
        try:
            upkeep.sync(engine)
        finally:
            engine.dispose()
    except OSError as error:
        raise StartFailed(f"cannot use the data directory {path.parent}: {error.strerror}") from None
    except DBAPIError as error:
        raise StartFailed(f"cannot use the data file {path}: {error.orig}") from None
    except FreezerError as error:
        raise StartFailed(f"cannot use the data file {path}: {error}") from None
    return path
