"""The newest document of each kind is found by an index, so that a new one is placed behind it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_KINDS = ("actions", "backups", "clients", "sessions")
"""An index of jobs begins with the time already."""


def upgrade():
    for kind in _KINDS:
        table, name = f"freezer_{kind}", f"ix_freezer_{kind}_created"
        # MySQL cannot roll this back, so an earlier run may have been interrupted at any step.
        if name not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}:
            op.create_index(name, table, ["created"])
