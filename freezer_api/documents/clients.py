# SPDX-License-Identifier: Apache-2.0
"""Clients: the machines that run jobs, registered by their schedulers."""

from typing import Any

from freezer_api.documents.fields import (
    ANY,
    BOOLEAN,
    CLIENT_ID,
    HOSTNAME,
    ID,
    STRING,
    TEXT_OR_NULL,
    Document,
    Field,
    Index,
    enum,
    list_of,
)
from freezer_api.documents.json_codec import one_line
from freezer_api.documents.kind import OWNERS, HotList, Kind, dropped, object_at
from freezer_api.documents.validation import Form
from freezer_api.errors import Unprocessable

CAPABILITIES = {
    "supported_actions": ("backup", "restore", "info", "admin", "exec"),
    "supported_modes": ("fs", "mongo", "mysql", "sqlserver", "cinder", "glance", "cindernative", "nova"),
    "supported_storages": ("local", "swift", "ssh", "s3", "ftp", "ftps"),
    "supported_engines": ("tar", "rsync", "rsyncv2", "nova", "osbrick", "glance"),
}
_NEEDS = (
    ("supported_actions", "action", ("action",)),
    ("supported_modes", "mode", ("mode",)),
    ("supported_storages", "storage", ("storage",)),
    ("supported_engines", "engine", ("engine", "engine_name")),
)
"""For each capability: the property of the client, its name in messages, and the keys of a definition to check."""

EVERYWHERE = "all_projects"
"""The ``reach`` of a central client."""

CLIENT_FIELDS = (
    Field("client_id", CLIENT_ID),
    Field("hostname", HOSTNAME),
    Field("description", TEXT_OR_NULL, Index.TEXT),
    Field("uuid", TEXT_OR_NULL),
    Field("config_id", STRING),
    *(Field(name, list_of(enum(*values))) for name, values in CAPABILITIES.items()),
    Field("is_central", ANY, Index.BOOLEAN),
)

CLIENTS = Kind(
    name="clients",
    title="Client",
    id_field="client_id",
    fields=(
        Field("client", fields=CLIENT_FIELDS),
        Field("user_id", ID, server=True),
        Field("project_id", ID, server=True, hidden=True),
        Field("reach", STRING, server=True, hidden=True),
    ),
    levels=(("",), ("client",)),
    hot=(
        *OWNERS,
        HotList(("user_id", "client.client_id")),
        HotList(("project_id", "client.client_id")),
        HotList(("reach",)),
    ),
    sent=lambda document: object_at(document, "client"),
    keyed_by_id=False,
)

FORM = Form(CLIENT_FIELDS, required=("client_id",))
STRICT_FORM = Form((*CLIENT_FIELDS[:-1], Field("is_central", BOOLEAN)), required=("client_id",))
PATCH_FORM = Form(CLIENT_FIELDS)


def accepted(body: Document, form: Form = FORM) -> Document:
    """Validate a registration and return it."""
    client = dropped(body, ("_version",))
    form.check(client)
    return client


def is_central(document: Document) -> bool:
    """Return whether the client runs jobs of all projects. An ``is_central`` stored by v1 has no effect."""
    return document.get("reach") == EVERYWHERE


def announced_again(document: Document, client: Document) -> Document:
    """Return the client after a repeated registration, which may change its description and capabilities."""
    new = {name: client[name] for name in ("description", *CAPABILITIES) if name in client}
    return {**document, "client": {**document["client"], **new}}


def made_central(document: Document) -> Document:
    """Return the client as a central one."""
    return {**document, "client": {**document["client"], "is_central": True}, "reach": EVERYWHERE}


def patch_of(body: Document) -> Document:
    """Validate a PATCH, whose body may have the key ``client`` at its root. Return it below ``client``."""
    wrapped = body.get("client")
    bare = {**dropped(body, ("client",)), **wrapped} if isinstance(wrapped, dict) else body
    patch = dropped(bare, ("client_id", "uuid", "is_central", "_version", *CLIENTS.server_names))
    PATCH_FORM.check(patch)
    return patch


def check_capabilities(client: Document, definitions: list[Document]) -> None:
    """Raise ``Unprocessable`` if a definition has a value that is not in the client's list.

    A client with a missing or empty list supports everything. Absent and empty values are not checked.
    """
    for announced, word, keys in _NEEDS:
        supported = client.get(announced)
        if not supported:
            continue
        for value in (definition.get(key) for definition in definitions for key in keys):
            if is_set(value) and value not in supported:
                shown = one_line(value) if isinstance(value, str) else "the given value"
                raise Unprocessable(f"Client {client['client_id']} does not support {word}: {shown}")


def is_set(value: Any) -> bool:
    """Return whether a value of a definition is neither unset nor empty."""
    return value is not None and value is not False and value != ""
