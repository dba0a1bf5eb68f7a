# SPDX-License-Identifier: Apache-2.0
"""Index all documents again: without the values of keys such as private_key, and with fields that not every caller
may see under their own name only.
"""

import sqlalchemy as sa
from alembic import op

from freezer_api.documents.json_codec import decode
from freezer_api.documents.registry import KINDS
from freezer_api.documents.search_index import search_index
from freezer_api.repository.sql import index_text
from freezer_api.repository.sql.dialects import exact_text

revision = "0005"
down_revision = "0004"

_BATCH_SIZE = 100
"""Documents in memory at the same time."""


def upgrade():
    max_values = op.get_context().config.attributes["max_values"]
    for kind in KINDS:
        _index_again(op.get_bind(), kind, max_values)


def _index_again(connection, kind, max_values):
    columns = [sa.column(name, exact_text()) for name in ("body", "entries", "texts")]
    key, version = sa.column("key", exact_text(600, ascii_only=True)), sa.column("version", sa.Integer)
    table = sa.table(f"freezer_{kind.name}", key, version, *columns)
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
