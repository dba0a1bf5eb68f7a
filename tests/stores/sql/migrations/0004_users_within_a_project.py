# SPDX-License-Identifier: Apache-2.0
"""Indexes for lists of a user within a project: they contain the project."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_KINDS = ("actions", "backups", "clients", "jobs", "sessions")


def upgrade():
    for kind in _KINDS:
        table, former = f"freezer_{kind}", f"ix_freezer_{kind}_user_id"
        # MySQL cannot roll back DDL, so an earlier run may have been interrupted at any step.
        existing = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(table)}
        if f"{former}_project_id" not in existing:
            op.create_index(f"{former}_project_id", table, ["user_id", "created", "key", "project_id"])
        if former in existing:
            op.drop_index(former, table)
