# SPDX-License-Identifier: Apache-2.0
"""Convert documents of the original service to those of this service. Pure functions."""

from collections.abc import Callable, Mapping

from freezer_api.documents import clients
from freezer_api.documents.clients import CLIENTS
from freezer_api.documents.fields import Document
from freezer_api.documents.jobs import JOBS, PENDING
from freezer_api.documents.kind import Kind, dropped, object_at
from freezer_api.documents.search_index import value_at
from freezer_api.documents.sessions import EARLIER, SESSIONS
from freezer_api.errors import Invalid
from freezer_api.operations.scope import Scope, central_key

MAX_ID_SIZE = 255
"""Bytes of an id or an owner that every store can hold."""

_LATEST = 253_402_300_799
"""The last second of the year 9999. A later time is invalid."""


def repaired(kind: Kind, document: Document, projects: Mapping[str, str]) -> tuple[str, Document]:
    """Return the key and the repaired document. Raises ``Invalid`` if it cannot be stored.

    ``projects``: by user, the project for documents without one.
    """
    whole = dropped(document, ("_version",))
    if kind.name in _REPAIRS:
        whole = _REPAIRS[kind.name](whole)
    if not any(whole.get(name) for name in ("user_id", "project_id")):
        raise Invalid("it has no owner")
    for path in (kind.id_field, *kind.hot_paths):
        value = value_at(whole, path)
        is_short = isinstance(value, str) and value.isprintable() and len(value.encode()) <= MAX_ID_SIZE
        if value is not None and not is_short:
            raise Invalid(f"{path} is not a printable text of at most {MAX_ID_SIZE} bytes")
    key = _client_key(whole) if kind is CLIENTS else _filled(whole, kind.id_field)
    if not whole.get("project_id"):
        # Scopes and stores recognise a document without a project by the missing property.
        project_id = projects.get(whole.get("user_id") or "")
        whole = {**dropped(whole, ("project_id",)), **({"project_id": project_id} if project_id else {})}
    return key, whole


def time_of(kind: Kind, document: Document) -> int | None:
    """Return the time of creation in the document, in microseconds since the epoch, None if it has none."""
    seconds = object_at(document, "job_schedule").get("time_created") if kind is JOBS else None
    if isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds <= _LATEST:
        return seconds * 1_000_000
    return None


def _filled(document: Document, name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise Invalid(f"it has no {name}")
    return value


def _client(document: Document) -> Document:
    client = document.get("client")
    if not isinstance(client, dict):
        raise Invalid("it has no client")
    _filled(client, "client_id")
    for name in clients.CAPABILITIES:
        if not isinstance(client.get(name), list | None):
            raise Invalid(f"{name} is not a list")
    if client.get("uuid") is None and document.get("uuid") is not None:
        client = {**client, "uuid": document["uuid"]}
    whole = {**dropped(document, ("uuid", "reach")), "client": client}
    # Without a project, version 1 of the original stored the value, which had no meaning there.
    is_central = client.get("is_central") is True and bool(document.get("project_id"))
    return clients.made_central(whole) if is_central else whole


def _client_key(document: Document) -> str:
    """Return the key of a central client, of one in a project, or of one of a user alone."""
    client_id = document["client"]["client_id"]
    user_id, project_id = document.get("user_id"), document.get("project_id")
    if clients.is_central(document):
        return central_key(client_id)
    # The key never contains the project of the import's map, so that a repeated import finds its own documents.
    by, owner = ("project_id", project_id) if project_id else ("user_id", user_id)
    return Scope(by, owner or "", user_id or "", project_id or None).client_key(client_id)


def _job(document: Document) -> Document:
    _filled(document, "client_id")
    items = document.get("job_actions")
    if not (items is None or (isinstance(items, list) and all(isinstance(item, dict) for item in items))):
        raise Invalid("job_actions is not a list of objects")
    document = dropped(document, (PENDING,))
    if "job_event" not in document:
        return document
    schedule = {"event": document["job_event"], **object_at(document, "job_schedule")}
    return {**dropped(document, ("job_event",)), "job_schedule": schedule}


def _session(document: Document) -> Document:
    members = document.get("jobs") or {}
    if not (isinstance(members, dict) and all(isinstance(entry, dict) for entry in members.values())):
        raise Invalid("jobs is not an object of objects")
    return {**dropped(document, (EARLIER,)), "jobs": members}


_REPAIRS: Mapping[str, Callable[[Document], Document]] = {
    CLIENTS.name: _client,
    JOBS.name: _job,
    SESSIONS.name: _session,
}
