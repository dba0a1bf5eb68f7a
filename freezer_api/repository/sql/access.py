# SPDX-License-Identifier: Apache-2.0
"""The interface between the repository and a database."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Delete, Select, Update

from freezer_api.documents.kind import Kind


class KeyExists(Exception):
    """A row with this key exists."""


class Access(Protocol):
    """Access to one database. Errors are those of :class:`~freezer_api.repository.protocol.Repository`.

    ``takes_lists``: see :class:`~freezer_api.repository.sql.search.Search`. ``creates_many``: whether
    :meth:`create` takes more than one row.
    """

    @property
    def takes_lists(self) -> bool: ...

    @property
    def creates_many(self) -> bool: ...

    def read(
        self, statement: Select[Any], values: Mapping[str, Any], max_seconds: float | None = None
    ) -> Sequence[Any]:
        """Return the rows, with the columns as attributes. ``SearchTooLong`` after ``max_seconds``."""
        ...

    def create(self, kind: Kind, rows: Sequence[dict[str, Any]]) -> int:
        """Create all of these rows, or none and raise ``KeyExists``.

        Return the ``created`` of the first row, which is later than that of every earlier row of the kind. Each
        further row has one more.
        """
        ...

    def restore(self, kind: Kind, rows: Sequence[dict[str, Any]]) -> None:
        """Create rows that have a ``created`` already: all of them, or none and raise ``KeyExists``."""
        ...

    def change(self, statement: Update | Delete, values: Mapping[str, Any]) -> bool:
        """Execute the statement, and return whether there was a row to change."""
        ...

    def now(self) -> int: ...

    def check(self) -> None: ...

    def close(self) -> None: ...
