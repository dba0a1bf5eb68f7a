# SPDX-License-Identifier: Apache-2.0
"""Create SQL databases as the original service does: the tables of any revision, and rows."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, inspect

MIGRATE = ("1", "2", "3")
ALEMBIC = (
    *("1333cef214d9", "e74c32f034c5", "23c8ad2655a6", "29a2fd19eb86", "30a3fd20ec97"),
    *("4f8c679a1d3b", "a1b2c3d4e5f6", "5c9d21e87f34", "7a3b9c1d2e4f"),
)
REVISIONS = (*MIGRATE, *ALEMBIC)
HEAD = ALEMBIC[-1]

SUPPORTED = ("supported_actions", "supported_modes", "supported_storages", "supported_engines")

Row = dict[str, Any]
Rows = Mapping[str, Iterable[Row]]


def is_from(revision: str, first: str) -> bool:
    return REVISIONS.index(revision) >= REVISIONS.index(first)


def _texts(length: int, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, f"VARCHAR({length})")


def _numbers(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "INTEGER")


def tables(revision: str, dialect: str) -> dict[str, dict[str, str]]:
    """Return the columns with their types by table."""
    json_type = "BLOB" if dialect == "sqlite" else "TEXT"
    stamps = {**dict.fromkeys(("created_at", "updated_at", "deleted_at"), "DATETIME"), "deleted": "BOOLEAN"}
    own = {"id": "VARCHAR(36) NOT NULL PRIMARY KEY", **stamps, **_texts(36, "project_id"), **_texts(64, "user_id")}
    has_renamed_mode = is_from(revision, "2") and dialect != "sqlite"
    has_renamed_path = revision == "3" or is_from(revision, "e74c32f034c5")
    has_items = not is_from(revision, "a1b2c3d4e5f6")
    made = {
        "clients": {
            **own,
            "id": "VARCHAR(255) NOT NULL PRIMARY KEY",
            **_texts(255, "client_id", "description", *SUPPORTED),
            **_texts(128, "hostname"),
            **_texts(36, "uuid"),
            **({"is_central": "BOOLEAN"} if is_from(revision, "30a3fd20ec97") else {}),
        },
        "actions": {
            **own,
            "action": "VARCHAR(255) NOT NULL",
            **_texts(255, "actionmode" if has_renamed_mode else "mode", "backup_name", "container", "log_file"),
            **_texts(255, "path_to_backup" if has_renamed_path else "src_file"),
            **_numbers("timeout", "priority", "max_retries_interval", "max_retries"),
            "mandatory": "BOOLEAN",
            "backup_metadata": json_type,
        },
        "jobs": {
            **own,
            **_texts(255, "client_id", "description"),
            **_texts(36, "session_id"),
            **_numbers("session_tag"),
            "schedule": json_type,
            **({"job_actions": json_type} if has_items else {}),
        },
        "sessions": {
            **own,
            **_texts(255, "description", "status", "result"),
            **_numbers("session_tag", "hold_off", "time_start", "time_end", "time_started", "time_ended"),
            "schedule": json_type,
            "job": json_type,
        },
        "backups": {
            **own,
            **_texts(36, "job_id"),
            **({} if is_from(revision, "4f8c679a1d3b") else _texts(64, "user_name")),
            **(_texts(64, "status") if is_from(revision, "5c9d21e87f34") else {}),
            "backup_metadata": json_type,
        },
        "action_reports": {
            **own,
            **_texts(255, "result", "time_elapsed"),
            "report_date": "DATETIME",
            "log": "BLOB",
        },
    }
    if is_from(revision, "29a2fd19eb86"):
        made["user_credentials"] = {
            "id": own["id"],
            **stamps,
            **_texts(255, "trust_id"),
            **_texts(64, "trustor_user_id"),
            **_texts(36, "job_id"),
        }
    if not has_items:
        made["job_actions"] = {
            "id": own["id"],
            **stamps,
            "job_id": "VARCHAR(36) NOT NULL REFERENCES jobs (id)",
            "action_id": "VARCHAR(36) NOT NULL REFERENCES actions (id)",
            **_numbers("position"),
        }
    return made


def make(connection: Connection, revision: str = HEAD) -> None:
    """Create the empty tables."""
    for name, columns in tables(revision, connection.dialect.name).items():
        listed = ", ".join(f"{_quoted(connection, column)} {type_}" for column, type_ in columns.items())
        connection.exec_driver_sql(f"CREATE TABLE {name} ({listed})")
    if revision in MIGRATE:
        connection.exec_driver_sql(
            "CREATE TABLE migrate_version "
            "(repository_id VARCHAR(250) PRIMARY KEY, repository_path TEXT, version INTEGER)"
        )
        connection.exec_driver_sql(f"INSERT INTO migrate_version VALUES ('freezer-api', '/x', {revision})")
    else:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)")
        connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{revision}')")
    connection.commit()


def fill(connection: Connection, rows: Rows) -> None:
    """Insert rows as the original does. Omit tables and columns that the revision does not have."""
    is_sqlite = connection.dialect.name == "sqlite"
    tables = inspect(connection).get_table_names()
    for name, wanted in ((name, wanted) for name, wanted in rows.items() if name in tables):
        there = connection.exec_driver_sql(f"SELECT * FROM {name} WHERE 1 = 0").keys()
        for row in wanted:
            kept = {key: _kept(value, is_sqlite) for key, value in row.items() if key in there}
            columns = ", ".join(_quoted(connection, column) for column in kept)
            marks = ", ".join(["?" if is_sqlite else "%s"] * len(kept))
            connection.exec_driver_sql(f"INSERT INTO {name} ({columns}) VALUES ({marks})", tuple(kept.values()))
    connection.commit()


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote_identifier(name)


class Json:
    """The value of a JSON column."""

    def __init__(self, value: Any) -> None:
        self.text = value if isinstance(value, str) else json.dumps(value)


def _kept(value: Any, is_sqlite: bool) -> Any:
    if isinstance(value, Json):
        return value.text.encode() if is_sqlite else value.text
    return value


def row(id_: str, at: str | None = "2020-01-01 00:00:00", deleted: int | None = 0, **columns: Any) -> Row:
    """Return a row as ``oslo.db`` creates it."""
    return {"id": id_, "created_at": at, "updated_at": None, "deleted_at": None, "deleted": deleted, **columns}
