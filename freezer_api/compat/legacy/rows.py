# SPDX-License-Identifier: Apache-2.0
"""Convert rows of the original's SQL tables to documents. Pure functions.

A row has the columns of its revision as the database driver returns them: JSON as text, or as bytes on SQLite;
times as text or ``datetime``; bytes that are not UTF-8 as surrogates. A column without a value adds no property.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from freezer_api.documents import actions
from freezer_api.documents.clients import CAPABILITIES
from freezer_api.documents.fields import Document
from freezer_api.documents.json_codec import parse
from freezer_api.documents.kind import dropped
from freezer_api.errors import Invalid, Malformed
from freezer_api.repository.texts import is_text

Row = Mapping[str, Any]

_OWNERS = ("project_id", "user_id")
_RETRIES = ("max_retries", "max_retries_interval")
_SAME = ("action", "mode", "backup_name", "container", "path_to_backup", "timeout", "priority", "log_file")
_DEFINITION = {"src_file": "path_to_backup", **dict(zip(_SAME, _SAME, strict=True)), "actionmode": "mode"}
"""Columns of an action, and the properties of its definition that they override. The last column for a property
applies.
"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_current(row: Row) -> bool:
    """Return whether the row was not deleted."""
    return row["deleted"] is not None and row["deleted"] == 0


def created_of(row: Row) -> int | None:
    """Return the time of creation in microseconds since the epoch, None if it is missing."""
    value = row["created_at"]
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    since = value.replace(tzinfo=UTC) - _EPOCH
    return max((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds, 0)


def action(row: Row) -> Document:
    """Return the action of a row of ``actions``."""
    definition = _json(row, "backup_metadata", {})
    if not isinstance(definition, dict):
        raise Invalid("backup_metadata is not a JSON object")
    own = {key: _plain(row, column) for column, key in _DEFINITION.items() if row.get(column) is not None}
    document = {"action_id": row["id"], **_given(row, *_OWNERS, *_RETRIES), **_flag(row, "mandatory")}
    return {**document, "freezer_action": {**definition, **own}}


def client(row: Row) -> Document:
    """Return the client of a row of ``clients``."""
    given = _given(row, "client_id", "hostname", "description")
    uuid = {"uuid": row["uuid"] or row["id"]}
    supported = {name: _json(row, name, []) for name in CAPABILITIES if name in row}
    return {**_given(row, *_OWNERS), "client": {**given, **uuid, **_flag(row, "is_central"), **supported}}


def job(row: Row, actions_of_job: Iterable[Row] | None, credentials: Row | None) -> Document:
    """Return the job of a row of ``jobs`` and the rows of its actions, None if its own row has the items."""
    if actions_of_job is None:
        items = job_items(row)
    else:
        items = [dropped(action(listed), ("mandatory",)) for listed in actions_of_job]
    document = {
        "job_id": row["id"],
        **_given(row, *_OWNERS, "client_id", "session_id", "session_tag", "description"),
        "job_schedule": _json(row, "schedule", {}),
        "job_actions": items,
    }
    if credentials is None:
        return document
    return {**document, "user_credentials": _given(credentials, "trust_id", "trustor_user_id")}


def job_items(row: Row) -> Any:
    """Return the items in the row of a job. An item without an id gets one that every import computes alike."""
    items = _json(row, "job_actions", [])
    if not isinstance(items, list):
        return items
    return [_with_id(item, row["id"], position) for position, item in enumerate(items)]


def _with_id(item: Any, job_id: str, position: int) -> Any:
    if not _has_definition(item) or item.get("action_id"):
        return item
    return {**item, "action_id": sha256(f"{job_id}:{position}".encode()).hexdigest()[:32]}


def _has_definition(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("freezer_action"), dict)


def library_entries(row: Row) -> list[Document]:
    """Return the actions of which the items in the row of a job are copies, none if the row is invalid."""
    try:
        items = job_items(row)
        return [
            {**actions.library_entry(item), **_given(row, *_OWNERS), **_given(item, "action_id", *_OWNERS)}
            for item in (items if isinstance(items, list) else ())
            if _has_definition(item)
        ]
    except Invalid:
        return []


def session(row: Row) -> Document:
    """Return the session of a row of ``sessions``."""
    times = ("time_start", "time_end", "time_started", "time_ended")
    return {
        "session_id": row["id"],
        **_given(row, *_OWNERS, "session_tag", "description", "hold_off", "status", "result", *times),
        "schedule": _json(row, "schedule", {}),
        "jobs": _json(row, "job", {}),
    }


def backup(row: Row) -> Document:
    """Return the backup of a row of ``backups``."""
    given = _given(row, *_OWNERS, "user_name", "status")
    return {"backup_id": row["id"], **given, "backup_metadata": _json(row, "backup_metadata", {})}


def _given(row: Row, *names: str) -> Document:
    return {name: _plain(row, name) for name in names if row.get(name) is not None}


def _flag(row: Row, name: str) -> Document:
    value = row.get(name)
    return {} if value is None else {name: bool(value)}


def _plain(row: Row, name: str) -> Any:
    """Return the value for JSON. Raises ``Invalid`` if it is neither text nor a number."""
    value = row[name]
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    if isinstance(value, str) and not is_text(value):
        raise Invalid(f"{name} is not UTF-8")
    if not isinstance(value, str | int | float):
        raise Invalid(f"{name} is neither text nor a number")
    return value


def _json(row: Row, name: str, empty: Any) -> Any:
    """Return the JSON value of a column, ``empty`` if it is missing, null or an empty text."""
    value = row.get(name)
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    if not value:
        return empty
    try:
        parsed = parse(value)
    except Malformed as error:
        raise Invalid(f"{name} cannot be stored: {error}") from None
    return empty if parsed is None or parsed == "" else parsed
