# SPDX-License-Identifier: Apache-2.0
"""Run the migrations on the connection of ``admin``, in its transaction."""

from alembic import context

from freezer_api.repository.sql.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
