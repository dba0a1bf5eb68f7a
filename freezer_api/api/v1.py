# SPDX-License-Identifier: Apache-2.0
"""Version 1: a caller sees the documents of the user within the project of the token."""

from functools import partial

from freezer_api.api.discovery import home_resource
from freezer_api.api.search import View
from freezer_api.api.version import Version
from freezer_api.context import Caller
from freezer_api.documents import actions, backups, clients, jobs, sessions
from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind
from freezer_api.documents.registry import KINDS
from freezer_api.operations.scope import Scope
from freezer_api.routes import ROUTES

_HIDDEN = {kind.name: frozenset(path for path, field in kind.paths.items() if field.hidden) for kind in KINDS}
_NEVER_SHOWN = {name: [path for path in paths if "." not in path] for name, paths in _HIDDEN.items()}

_HOME = {"resources": {"rel/backups": home_resource("/v1/backups/{backup_id}", "GET")}}


def _scope(caller: Caller, _project_id: str | None) -> Scope:
    return Scope("user_id", caller.user_id, caller.user_id, caller.project_id)


def _shown(kind: Kind, document: Document) -> Document:
    for name in _NEVER_SHOWN[kind.name]:
        document.pop(name, None)
    if kind is clients.CLIENTS:
        # Some clients read ``uuid`` at the root, others in ``client``.
        document["uuid"] = document["client"].get("uuid")
    if kind is jobs.JOBS:
        for item in document.get("job_actions") or ():
            item.pop("project_id", None)
    return document


V1 = Version(
    home=_HOME,
    prefix="/v1",
    routes=ROUTES,
    scope=_scope,
    shown=_shown,
    views={name: View(hidden) for name, hidden in _HIDDEN.items()},
    backup=backups.reported,
    client=clients.accepted,
    action=actions.accepted,
    action_patch=actions.patch_of,
    job=jobs.accepted,
    job_patch=partial(jobs.accepted, form=jobs.PATCH_FORM),
    session=sessions.new,
    session_replacement=sessions.replacement,
)
