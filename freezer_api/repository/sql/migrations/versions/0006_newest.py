# SPDX-License-Identifier: Apache-2.0
"""Indexes with which a creation finds the newest document of its kind."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_KINDS = ("actions", "backups", "clients", "sessions")
"""Jobs have an index that begins with the creation time."""


def upgrade():
    for kind in _KINDS:
        table, name = f"freezer_{kind}", f"ix_freezer_{kind}_created"
        # MySQL cannot roll back DDL, so an earlier run may have been interrupted at any step.
        if name not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
            op.create_index(name, table, ["created"])
