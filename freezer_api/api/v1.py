"""Version 1: documents are scoped by user."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from freezer_api.api.version import Version
from freezer_api.documents import actions, backups, clients, jobs, sessions
from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind
from freezer_api.documents.kinds import KINDS
from freezer_api.operations.caller import Caller
from freezer_api.operations.scope import Scope

_HIDDEN = {kind.name: frozenset(path for path, field in kind.paths.items() if field.hidden) for kind in KINDS}
_NEVER_SHOWN = {name: [path for path in paths if "." not in path] for name, paths in _HIDDEN.items()}


def _scope(caller: Caller, _path: Mapping[str, Any]) -> Scope:
    return Scope("user_id", caller.user_id, caller.user_id, caller.project_id)


def _shown(kind: Kind, document: Document) -> Document:
    for name in _NEVER_SHOWN[kind.name]:
        document.pop(name, None)
    if kind is clients.CLIENTS:
        # One era of clients reads it beside the client, the other inside.
        document["uuid"] = document["client"].get("uuid")
    if kind is jobs.JOBS:
        for item in document.get("job_actions") or ():
            item.pop("project_id", None)
    return document


V1 = Version(
    prefix="/v1",
    scope=_scope,
    shown=_shown,
    hidden=_HIDDEN,
    backup=backups.checked,
    client=clients.accepted,
    client_patch=clients.patch_of,
    action=actions.accepted,
    action_replacement=actions.replacement,
    action_patch=actions.patch_of,
    job=jobs.accepted,
    job_patch=partial(jobs.accepted, patch=True),
    session=sessions.new,
    session_replacement=lambda body: sessions.replacement(body, None),
    session_patch=sessions.patch_of,
)
