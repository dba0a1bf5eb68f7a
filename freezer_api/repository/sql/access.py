"""What the repository asks of a database, whichever it is."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import Delete, Select, Update

from freezer_api.documents.kind import Kind


class Taken(Exception):
    """There is a row with this key."""


class Access(Protocol):
    """A way into one database. Errors are those of :class:`~freezer_api.repository.protocol.Repository`.

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
        """The rows of the statement, with its columns as attributes. ``SearchTooLong`` after ``max_seconds``."""
        ...

    def create(self, kind: Kind, rows: Sequence[dict[str, Any]]) -> int:
        """Create all of these rows, or none and raise ``Taken``.

        Return the ``created`` of the first row, which is no earlier than that of any row seen so far. Each further
        row has one more.
        """
        ...

    def restore(self, kind: Kind, rows: Sequence[dict[str, Any]]) -> None:
        """Make rows that say when they were created, all of them, or none and ``Taken``."""
        ...

    def change(self, statement: Update | Delete, values: Mapping[str, Any]) -> bool:
        """Whether the statement found the row that it is to change."""
        ...

    def now(self) -> int:
        """As ``Repository.now``."""
        ...

    def check(self) -> None:
        """As ``Repository.check``."""
        ...

    def close(self) -> None:
        """As ``Repository.close``."""
        ...
