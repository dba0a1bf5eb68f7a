"""${message}"""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


# MySQL cannot take back what was made: a step that was interrupted is run again, and goes on where it ended.
def upgrade():
    ${upgrades if upgrades else "pass"}
