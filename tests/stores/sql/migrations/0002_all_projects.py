# SPDX-License-Identifier: Apache-2.0
"""Clients of all projects, and the jobs that they poll for.

SQLite cannot add a column in the middle, so the table of clients is created again. On the servers this is the
first layout. MySQL cannot roll back DDL, so the migration continues where an earlier run was interrupted.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, postgresql

revision = "0002"
down_revision = "0001"

_KEPT = ("key", "created", "version", "user_id", "project_id", "client_id", "body", "entries", "texts")
_LISTS = (("user_id",), ("project_id",), ("user_id", "client_id"), ("project_id", "client_id"))


def upgrade():
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        _create_on_server(connection)
    else:
        _upgrade_sqlite()


def _create_on_server(connection):
    metadata = sa.MetaData()
    _define(metadata, "backups", epoch=True)
    _define(metadata, "clients", hot=("client_id", "reach"), lists=(*_LISTS, ("reach",)))
    polled = tuple((*names, "pending") for names in (*_LISTS[2:], ("client_id",)))
    _define(metadata, "jobs", hot=("client_id",), pending=True, lists=(*_LISTS[:2], *polled))
    _define(metadata, "actions")
    _define(metadata, "sessions")
    for table in metadata.sorted_tables:
        table.create(connection, checkfirst=True)
        existing = {index["name"] for index in sa.inspect(connection).get_indexes(table.name)}
        for index in table.indexes:
            if index.name not in existing:
                index.create(connection)


def _bytes(max_bytes=None):
    on_mysql = mysql.LONGBLOB() if max_bytes is None else sa.VARBINARY(max_bytes)
    return sa.LargeBinary().with_variant(on_mysql, "mysql").with_variant(postgresql.BYTEA(), "postgresql")


def _define(metadata, kind, *, hot=(), pending=False, epoch=False, lists=_LISTS[:2]):
    table = sa.Table(
        f"freezer_{kind}",
        metadata,
        sa.Column("key", _bytes(600), primary_key=True),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        *(sa.Column(name, _bytes(1020)) for name in ("user_id", "project_id", *hot)),
        *([sa.Column("pending", sa.Boolean, nullable=False)] if pending else []),
        *([sa.Column("epoch", sa.BigInteger)] if epoch else []),
        *(sa.Column(name, _bytes(), nullable=False) for name in ("body", "entries", "texts")),
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
    )
    for names in lists:
        columns = [table.c[name] for name in (*names, "created", "key")]
        sa.Index(f"ix_freezer_{kind}_{'_'.join(names)}", *columns)


def _upgrade_sqlite():
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
