# SPDX-License-Identifier: Apache-2.0
"""Indexes for lists of jobs: of all projects, and of one client in any status.

An index by client contains whether a job is completed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TABLE = "freezer_jobs"
_ORDER = ("created", "key")
_CLIENTS = (("client_id",), ("user_id", "client_id"), ("project_id", "client_id"))


def upgrade():
    # MySQL cannot roll back DDL, so an earlier run may have been interrupted at any step.
    existing = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(_TABLE)}
    wanted = {"ix_freezer_jobs_created": _ORDER}
    wanted |= {f"ix_freezer_jobs_{'_'.join(names)}": (*names, *_ORDER, "pending") for names in _CLIENTS}
    for name in sorted(wanted.keys() - existing):
        op.create_index(name, _TABLE, wanted[name])
    for name in sorted({f"ix_freezer_jobs_{'_'.join(names)}_pending" for names in _CLIENTS} & existing):
        op.drop_index(name, _TABLE)
