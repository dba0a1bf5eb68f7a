# SPDX-License-Identifier: Apache-2.0
"""Version 2: a caller sees the documents of the project in the URL.

Properties that v1 does not store are filled when a document is read: they are shown and found as if they were
stored. v2 stores them in new documents, so that a whole document that is sent back changes nothing.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from freezer_api.api.discovery import home_resource
from freezer_api.api.search import Meaning, View, no_paths
from freezer_api.api.version import Accept, Version
from freezer_api.context import Caller
from freezer_api.documents import actions, backups, clients, jobs, sessions
from freezer_api.documents.fields import Document
from freezer_api.documents.registry import KINDS
from freezer_api.documents.search_index import NULL, Value, as_value
from freezer_api.operations.scope import Scope
from freezer_api.repository import query as q
from freezer_api.routes import ROUTES_OF_V2

_CLIENT = {
    "hostname": None,
    "description": None,
    **{name: list(values) for name, values in clients.CAPABILITIES.items()},
}
_JOB: Document = {"session_id": "", "session_tag": 0, "description": ""}
_SESSION: Document = {
    "description": None,
    "result": None,
    **dict.fromkeys(("time_start", "time_end", "time_started", "time_ended"), -1),
}


def _backup(document: Document) -> Document:
    status = backups.status_of(document)
    document.pop("user_name", None)
    return {**document, "status": status}


def _client(document: Document) -> Document:
    is_central = clients.is_central(document)
    document.pop("reach", None)
    return {**document, "client": {**_CLIENT, **document["client"], "is_central": is_central}}


def _action(document: Document) -> Document:
    return {**actions.RETRY_DEFAULTS, **actions.nested(document)}


def _job(document: Document) -> Document:
    document["job_actions"] = [actions.RETRY_DEFAULTS | item for item in document.get("job_actions") or ()]
    document.pop(jobs.PENDING, None)
    return _JOB | document


def _session(document: Document) -> Document:
    document.pop(sessions.EARLIER, None)
    return {**_SESSION, "jobs": {}, **document}


_SHOWN: Mapping[str, Callable[[Document], Document]] = {
    "backups": _backup,
    "clients": _client,
    "actions": _action,
    "jobs": _job,
    "sessions": _session,
}


def _filled(path: str, default: Any) -> Meaning:
    """Return a function from a value to its condition, at a path where ``default`` replaces a missing value."""
    filled = {as_value(item) for item in (default if isinstance(default, list) else [default])}

    def meaning(value: Value) -> q.Condition:
        is_stored = q.Is((path,), value)
        if value not in filled:
            return is_stored
        return q.Any((is_stored, q.All((q.Missing((path,)), q.Not(q.Is((path,), NULL))))))

    return meaning


def _status(value: Value) -> q.Condition:
    """Return the condition that :func:`freezer_api.documents.backups.status_of` returns the value."""
    stored, in_metadata = ("status",), ("backup_metadata.status",)
    others = [Value("string", status) for status in backups.STATUSES if status != backups.AVAILABLE]
    of_metadata: q.Condition = q.Is(in_metadata, value)
    if value == Value("string", backups.AVAILABLE):
        of_metadata = q.Not(q.Any(tuple(q.Is(in_metadata, other) for other in others)))
    elif value not in others:
        return q.Any(())
    return q.Any((q.Is(stored, value), q.All((q.Missing(stored), of_metadata))))


def _is_central(value: Value) -> q.Condition:
    central = q.Is(("reach",), Value("string", clients.EVERYWHERE))
    conditions: dict[Value, q.Condition] = {as_value(True): central, as_value(False): q.Not(central)}
    return conditions.get(value, q.Any(()))


def _all_filled(prefix: str, defaults: Document) -> dict[str, Meaning]:
    """Return the meanings of paths with defaults, except ``description``, whose default has no words."""
    searched = {name: default for name, default in defaults.items() if name != "description"}
    return {prefix + name: _filled(prefix + name, default) for name, default in searched.items()}


_MEANINGS: dict[str, dict[str, Meaning]] = {
    "backups": {"status": _status},
    "clients": {**_all_filled("client.", _CLIENT), "client.is_central": _is_central},
    "actions": _all_filled("", actions.RETRY_DEFAULTS),
    "jobs": _all_filled("", _JOB),
    "sessions": _all_filled("", _SESSION),
}
_OTHER_PATHS = {"actions": actions.flat_paths}
_HIDDEN = {
    "backups": {"user_name"},
    "clients": {"reach"},
    "jobs": {jobs.PENDING},
    "sessions": {sessions.EARLIER},
}

_HOME = {
    "resources": {
        "rel/backups": home_resource("/v2/{project_id}/backups/{backup_id}", "GET"),
        "rel/jobs": home_resource("/v2/{project_id}/jobs{?all_projects,offset,limit}", "GET", "POST"),
        "rel/job": home_resource("/v2/{project_id}/jobs/{job_id}", "GET", "PATCH", "POST", "DELETE"),
    }
}


def _with(defaults: Document, accepted: Accept) -> Accept:
    return lambda body: {**defaults, **accepted(body)}


def _scope(caller: Caller, project_id: str | None) -> Scope:
    return Scope("project_id", project_id or "", caller.user_id, project_id)


V2 = Version(
    home=_HOME,
    prefix="/v2/{project_id}",
    routes=ROUTES_OF_V2,
    scope=_scope,
    shown=lambda kind, document: _SHOWN[kind.name](document),
    views={
        kind.name: View(
            frozenset(_HIDDEN.get(kind.name, ())), _MEANINGS[kind.name], _OTHER_PATHS.get(kind.name, no_paths)
        )
        for kind in KINDS
    },
    backup=backups.reported_with_status,
    client=partial(clients.accepted, form=clients.STRICT_FORM),
    action=actions.strictly_accepted,
    action_patch=partial(actions.patch_of, form=actions.STRICT_PATCH_FORM),
    job=_with(_JOB, jobs.accepted_with_id),
    job_patch=partial(jobs.accepted, form=jobs.STRICT_PATCH_FORM),
    session=_with(_SESSION, partial(sessions.new, form=sessions.STRICT_FORM)),
    session_replacement=_with(_SESSION, partial(sessions.replacement, form=sessions.STRICT_REPLACE_FORM)),
)
