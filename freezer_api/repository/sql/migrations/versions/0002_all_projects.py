"""Clients of all projects, and the jobs that they poll for.

The table of clients is made anew, as not every engine can add a column in the middle.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_KEPT = ("key", "created", "version", "user_id", "project_id", "client_id", "body", "entries", "texts")
_LISTS = (("user_id",), ("project_id",), ("user_id", "client_id"), ("project_id", "client_id"))


def upgrade():
    for names in _LISTS:
        op.drop_index(f"ix_freezer_clients_{'_'.join(names)}", "freezer_clients")
    op.rename_table("freezer_clients", "freezer_clients_0001")
    op.create_table(
        "freezer_clients",
        sa.Column("key", sa.String(600), primary_key=True),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        *(sa.Column(name, sa.String(255)) for name in ("user_id", "project_id", "client_id", "reach")),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("entries", sa.Text, nullable=False),
        sa.Column("texts", sa.Text, nullable=False),
    )
    new, old = (sa.table(name, *map(sa.column, _KEPT)) for name in ("freezer_clients", "freezer_clients_0001"))
    op.execute(new.insert().from_select(_KEPT, sa.select(*old.c)))
    op.drop_table("freezer_clients_0001")
    for names in (*_LISTS, ("reach",)):
        op.create_index(f"ix_freezer_clients_{'_'.join(names)}", "freezer_clients", [*names, "created", "key"])
    op.create_index(
        "ix_freezer_jobs_client_id_pending", "freezer_jobs", ["client_id", "pending", "created", "key"]
    )
