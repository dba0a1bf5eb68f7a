# SPDX-License-Identifier: Apache-2.0
"""Tables for the five kinds of document.

A layout from before the first release may exist, with other indexes and search texts, on SQLite also without
``reach``. MySQL cannot roll back DDL, so an earlier run may have been interrupted at any step.
"""

import sqlalchemy as sa
from alembic import op

from freezer_api.documents.json_codec import decode
from freezer_api.documents.registry import KINDS
from freezer_api.documents.search_index import search_index
from freezer_api.repository.sql import index_text
from freezer_api.repository.sql.dialects import exact_text

revision = "0006"
down_revision = "0001"

_BATCH_SIZE = 100
"""Maximum number of documents in memory at the same time."""


def upgrade():
    connection = op.get_bind()
    max_values = op.get_context().config.attributes["max_values"]
    tables = _tables()
    for table in tables.values():
        table.create(connection, checkfirst=True)
        _complete(connection, table)
    for kind in KINDS:
        _index_again(connection, kind, tables[f"freezer_{kind.name}"], max_values)


def _tables():
    metadata = sa.MetaData()
    _define(metadata, "actions")
    _define(metadata, "backups", sa.Column("epoch", sa.BigInteger))
    _define(
        metadata,
        "clients",
        _text("client_id"),
        _text("reach"),
        user_id_client_id="user_id client_id created key",
        project_id_client_id="project_id client_id created key",
        reach="reach created key",
    )
    _define(
        metadata,
        "jobs",
        _text("client_id"),
        sa.Column("pending", sa.Boolean, nullable=False),
        created="created key",
        client_id="client_id created key pending",
        user_id_client_id="user_id client_id created key pending",
        project_id_client_id="project_id client_id created key pending",
    )
    _define(metadata, "sessions")
    return metadata.tables


def _text(name):
    return sa.Column(name, exact_text(255))


def _define(metadata, kind, *columns, created="created", **indexes):
    table = sa.Table(
        f"freezer_{kind}",
        metadata,
        sa.Column("key", exact_text(600, ascii_only=True), primary_key=True),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        _text("user_id"),
        _text("project_id"),
        *columns,
        *(sa.Column(name, exact_text(), nullable=False) for name in ("body", "entries", "texts")),
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
    )
    indexes |= {
        "created": created,
        "project_id": "project_id created key",
        "user_id_project_id": "user_id created key project_id",
    }
    for name, names in indexes.items():
        sa.Index(f"ix_{table.name}_{name}", *(table.c[column] for column in names.split()))


def _complete(connection, table):
    inspector = sa.inspect(connection)
    if "reach" in table.c and "reach" not in {column["name"] for column in inspector.get_columns(table.name)}:
        op.add_column(table.name, _text("reach"))
    existing = {index["name"] for index in inspector.get_indexes(table.name)}
    for index in table.indexes:
        if index.name not in existing:
            index.create(connection)
    for name in existing - {index.name for index in table.indexes}:
        if name.startswith(f"ix_{table.name}_"):
            op.drop_index(name, table.name)


def _index_again(connection, kind, table, max_values):
    """Renew the search texts: fields that not every caller may see are found under their own name only."""
    batch = sa.select(table.c.key, table.c.version, table.c.body).order_by(table.c.key).limit(_BATCH_SIZE)
    last = ""
    while rows := connection.execute(batch.where(table.c.key > last)).all():
        for row in rows:
            index = search_index(kind, decode(row.body), max_values)
            # A process of the previous release may still write: its change stays, with the index that it computed.
            unchanged = (table.c.key == row.key) & (table.c.version == row.version)
            contents = {"entries": index_text.entries(index), "texts": index_text.texts(index)}
            connection.execute(sa.update(table).where(unchanged).values(contents))
        last = rows[-1].key
