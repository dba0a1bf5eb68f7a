# SPDX-License-Identifier: Apache-2.0
"""${message}"""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


# MySQL cannot roll back DDL: an interrupted migration is run again, and has to continue where it ended.
def upgrade():
    ${upgrades if upgrades else "pass"}
