# SPDX-License-Identifier: Apache-2.0
"""The embedded store: a SQLite file in the user's data directory."""

from pathlib import Path

import platformdirs

from freezer_api.documents.search_index import MAX_VALUES
from freezer_api.repository.sql.sqlite import sqlite_admin

FILE = "freezer.sqlite"


def data_dir(named: str | None) -> Path:
    """Return the directory of the store: ``named``, or the user's data directory."""
    return Path(named) if named else platformdirs.user_data_path("freezer-api")


def prepare(path: Path, max_values: int = MAX_VALUES) -> Path:
    """Create or upgrade the store and return its path. Raises ``CommandError`` if it cannot be used."""
    admin = sqlite_admin(path, max_values)
    try:
        admin.sync([], erase=lambda _question: False)
    finally:
        admin.close()
    return path
