"""What Alembic runs: the steps on the connection, and in the transaction, of ``admin``."""

from alembic import context

from freezer_api.repository.sql.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
