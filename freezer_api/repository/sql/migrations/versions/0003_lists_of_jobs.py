"""Lists of jobs that the service met without an index: those of all projects, and of one client in any status.

An index by client gives its jobs in their order, and says itself which are completed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TABLE = "freezer_jobs"
_ORDER = ("created", "key")
_CLIENTS = (("client_id",), ("user_id", "client_id"), ("project_id", "client_id"))


def upgrade():
    # On MySQL, which cannot take back what was made, an earlier run may have been interrupted among them.
    there = {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(_TABLE)}
    wanted = {"ix_freezer_jobs_created": _ORDER}
    wanted |= {f"ix_freezer_jobs_{'_'.join(names)}": (*names, *_ORDER, "pending") for names in _CLIENTS}
    for name in sorted(wanted.keys() - there):
        op.create_index(name, _TABLE, wanted[name])
    for name in sorted({f"ix_freezer_jobs_{'_'.join(names)}_pending" for names in _CLIENTS} & there):
        op.drop_index(name, _TABLE)
