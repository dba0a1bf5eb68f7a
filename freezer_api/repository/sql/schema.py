# SPDX-License-Identifier: Apache-2.0
"""Tables, columns and indexes, derived from the definitions. A test compares them with ``migrations/``."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table

from freezer_api.documents.fields import Document
from freezer_api.documents.json_codec import encode
from freezer_api.documents.kind import HotList, Kind
from freezer_api.documents.registry import KINDS
from freezer_api.documents.search_index import MAX_VALUES, as_epoch, search_index, value_at
from freezer_api.repository.sql import index_text
from freezer_api.repository.sql.dialects import TABLE_OPTIONS, exact_text

VERSION_TABLE = "freezer_schema_version"
"""The table ``alembic_version`` of the original service may be in the same database."""

VERSIONS = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))
"""The table in which Alembic stores the version of the layout. It has one row."""

METADATA = MetaData()


class KindTable:
    """The table of one kind, and the conversion of documents to rows.

    Columns: ``key``, ``created`` (microseconds since the epoch), ``version``, copies of the properties that
    frequent lists compare, the body as JSON text, and the two texts that searches scan.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._columns = tuple(kind.columns.items())
        self.table = Table(
            f"freezer_{kind.name}",
            METADATA,
            Column("key", exact_text(600, ascii_only=True), primary_key=True),
            Column("created", BigInteger, nullable=False),
            Column("version", Integer, nullable=False),
            *(Column(name, exact_text(255)) for _, name in self._columns),
            *([Column("pending", Boolean, nullable=False)] if self.kind.excluded else []),
            *([Column("epoch", BigInteger)] if kind.epoch_path else []),
            Column("body", exact_text(), nullable=False),
            Column("entries", exact_text(), nullable=False),
            Column("texts", exact_text(), nullable=False),
            **TABLE_OPTIONS,
        )
        for hot in kind.hot:
            self._add_index(hot)
        if all(hot.equal for hot in kind.hot):
            # The index with which a creation finds the newest document.
            Index(f"ix_freezer_{kind.name}_created", self.table.c.created)

    def _add_index(self, hot: HotList) -> None:
        names = [self.kind.columns[path] for path in hot.equal]
        # An index in the order of the list, with or without excluded documents, of one project or of all.
        within = [self.kind.columns[hot.within]] if hot.within else []
        columns = [*names, "created", "key", *(["pending"] if hot.excluded else []), *within]
        name = f"ix_freezer_{self.kind.name}_{'_'.join([*names, *within]) or 'created'}"
        Index(name, *(self.table.c[column] for column in columns))

    def contents(self, document: Document, max_values: int = MAX_VALUES) -> dict[str, Any]:
        """Return the columns that depend on the document alone; see :func:`search_index` for ``max_values``."""
        found_by = search_index(self.kind, document, max_values)
        values = ((name, value_at(document, path)) for path, name in self._columns)
        row: dict[str, Any] = {name: value if isinstance(value, str) else None for name, value in values}
        if self.kind.excluded:
            path, value = self.kind.excluded
            row["pending"] = value_at(document, path) != value
        if self.kind.epoch_path:
            row["epoch"] = as_epoch(value_at(document, self.kind.epoch_path))
        row["body"] = encode(document)
        row["entries"] = index_text.entries(found_by)
        row["texts"] = index_text.texts(found_by)
        return row


TABLES = {kind.name: KindTable(kind) for kind in KINDS}
