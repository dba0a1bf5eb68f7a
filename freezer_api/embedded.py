"""The embedded store: a SQLite file in a directory of the user's."""

from pathlib import Path

import platformdirs

from freezer_api.documents.search_index import MAX_VALUES
from freezer_api.repository.sql.sqlite import sqlite_admin

FILE = "freezer.sqlite"


def data_dir(named: str | None) -> Path:
    """The directory of the store."""
    return Path(named) if named else platformdirs.user_data_path("freezer-api")


def prepare(path: Path, max_values: int = MAX_VALUES) -> Path:
    """Make the store, or bring it up to date; its path. ``CommandError`` says what is in the way."""
    admin = sqlite_admin(path, max_values)
    try:
        admin.sync([], erase=lambda _question: False)
    finally:
        admin.close()
    return path
