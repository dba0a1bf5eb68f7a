# SPDX-License-Identifier: Apache-2.0
"""Tables for the five kinds of document."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_OWNERS = ("user_id", "project_id")


def _create(kind, *, hot=(), pending=False, epoch=False):
    op.create_table(
        f"freezer_{kind}",
        sa.Column("key", sa.String(600), primary_key=True),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        *(sa.Column(name, sa.String(255)) for name in (*_OWNERS, *hot)),
        *([sa.Column("pending", sa.Boolean, nullable=False)] if pending else []),
        *([sa.Column("epoch", sa.BigInteger)] if epoch else []),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("entries", sa.Text, nullable=False),
        sa.Column("texts", sa.Text, nullable=False),
    )
    lists = [(owner,) for owner in _OWNERS]
    lists += [(owner, *hot, *(["pending"] if pending else [])) for owner in _OWNERS if hot]
    for names in lists:
        op.create_index(f"ix_freezer_{kind}_{'_'.join(names)}", f"freezer_{kind}", [*names, "created", "key"])


def upgrade():
    if op.get_bind().dialect.name != "sqlite":
        return  # 0002 is the first layout of the servers
    _create("backups", epoch=True)
    _create("clients", hot=("client_id",))
    _create("jobs", hot=("client_id",), pending=True)
    _create("actions")
    _create("sessions")
