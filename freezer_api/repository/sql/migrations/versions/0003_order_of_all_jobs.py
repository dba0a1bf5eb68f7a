"""The jobs of all projects, in their order."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_INDEX, _TABLE = "ix_freezer_jobs_created", "freezer_jobs"


def upgrade():
    # On MySQL, which cannot take back what was made, an earlier run may have been interrupted after it.
    if _INDEX not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes(_TABLE)}:
        op.create_index(_INDEX, _TABLE, ["created", "key"])
