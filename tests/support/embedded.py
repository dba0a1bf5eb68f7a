# SPDX-License-Identifier: Apache-2.0
"""Files of the embedded store."""

from pathlib import Path

from freezer_api.stores import SQLiteStore


def make_file(path: Path) -> Path:
    """Create or upgrade the store at the path, as the service does when it starts, and return the path."""
    SQLiteStore(path, embedded=True).prepare()
    return path
