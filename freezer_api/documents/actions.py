# SPDX-License-Identifier: Apache-2.0
"""Actions, the steps of a job. They are stored in the caller's library and copied into jobs."""

from dataclasses import replace

from freezer_api.documents.clients import CAPABILITIES, is_set
from freezer_api.documents.fields import (
    ANY,
    BOOLEAN,
    ID,
    ID_OR_EMPTY,
    ID_OR_NULL,
    INTEGER,
    TEXT_OR_NULL,
    Document,
    Field,
    Index,
    Schema,
    enum,
)
from freezer_api.documents.kind import OWNERS, Kind, dropped
from freezer_api.documents.merge import same
from freezer_api.documents.validation import Form
from freezer_api.errors import Invalid

_FREE_TEXTS = (
    *("storage", "engine", "engine_name", "hostname", "log_file", "remove_older_than", "remove_older_then"),
    *("remove_from_date", "encrypt_pass_file", "compression", "exclude", "proxy", "mysql_conf", "mongo_conf"),
    *("sql_server_conf", "restore_from_host", "restore_from_date", "restore-abs-path", "restore-from-host"),
    *("lvm_dirmount", "lvm_snapname", "lvm_snapsize", "ssh_host", "ssh_key", "ssh_username", "nova_inst_id"),
    *("cinder_vol_id", "cindernative_vol_id", "glance_image_id", "command", "src_file"),
)
_FREE_NUMBERS = (
    *("max_level", "always_level", "restart_always_level", "max_backup_level", "always_backup_level"),
    *("restart_always_backup", "upload_limit", "download_limit", "max_segment_size", "ssh_port", "timeout"),
)
_FREE_FLAGS = (
    *("snapshot", "no_incremental", "dry_run", "dereference_symlink", "insecure", "quiet", "overwrite"),
    *("max_priority", "max_cpu_priority", "lvm_auto_snap", "incremental", "sync", "cindernative_freezer_only"),
)

DEFINITION_FIELDS = (
    Field("action", ID_OR_NULL),
    Field("mode", ID_OR_NULL),
    *(Field(name, TEXT_OR_NULL) for name in ("path_to_backup", "backup_name", "container", "restore_abs_path")),
    *(Field(name, ANY) for name in _FREE_TEXTS),
    *(Field(name, ANY, Index.LONG) for name in _FREE_NUMBERS),
    *(Field(name, ANY, Index.BOOLEAN) for name in _FREE_FLAGS),
)
"""``freezer_action``, the command for the agent. Other keys are stored as well."""

_STRICT: dict[str, Schema] = {
    "action": enum(*CAPABILITIES["supported_actions"]),
    "mode": {"enum": [*CAPABILITIES["supported_modes"], None]},
    "cindernative_freezer_only": {"type": ["boolean", "null"]},
}
_STRICT_FIELDS = tuple(replace(field, schema=_STRICT.get(field.name, field.schema)) for field in DEFINITION_FIELDS)
STRICT_DEFINITION = Field("freezer_action", fields=_STRICT_FIELDS, required=("action",))
"""``freezer_action`` as v2 accepts it: ``action`` is required, and only values that agents know are valid."""

RETRY_FIELDS = (
    Field("mandatory", BOOLEAN, Index.BOOLEAN),
    Field("max_retries", INTEGER, Index.LONG),
    Field("max_retries_interval", INTEGER, Index.LONG),
)
"""The properties for retries of an action, stored next to its definition."""

RETRY_DEFAULTS: Document = {"mandatory": False, "max_retries": 5, "max_retries_interval": 6}
"""The values that v2 stores and shows for missing keys."""

_RETRIES = (*(field.name for field in RETRY_FIELDS), "max_retry_interval")

_OWNERS = ("user_id", "project_id")

_ADDED = ("action_id", *_OWNERS, *RETRY_DEFAULTS)


def sent(action: Document) -> Document:
    """Return an action, or an action of a job, without the properties that the service adds."""
    return dropped(action, _ADDED)


ACTIONS = Kind(
    name="actions",
    title="Action",
    id_field="action_id",
    fields=(
        Field("action_id", ID_OR_EMPTY),
        Field("user_id", ID, server=True),
        Field("project_id", ID, server=True, hidden=True),
        Field("freezer_action", fields=DEFINITION_FIELDS),
        *RETRY_FIELDS,
        *DEFINITION_FIELDS,
    ),
    levels=(("", "freezer_action"),),
    hot=OWNERS,
    sent=sent,
)

FORM = Form(ACTIONS.fields)
_STRICT_KEYS = (Field("action_id", ID_OR_EMPTY), *RETRY_FIELDS)
STRICT_FORM = Form((*_STRICT_KEYS, STRICT_DEFINITION), required=("freezer_action",))
STRICT_PATCH_FORM = Form((*_STRICT_KEYS, replace(STRICT_DEFINITION, required=())))
_DROPPED = (*ACTIONS.server_names, "_version")
_NOT_DEFINITION = ("freezer_action", "action_id", *_OWNERS, *_RETRIES, "_version")


def accepted(body: Document) -> Document:
    """Validate a body with a nested or flat definition. Return it without properties that only the service sets.

    A ``freezer_action`` or id that is null is treated as absent.
    """
    document = _checked(body, FORM)
    if "freezer_action" not in document and not definition_of(document):
        raise Invalid("'freezer_action' is a required property")
    return document


def strictly_accepted(body: Document) -> Document:
    """Validate a body as v2 does: the definition has to be nested, and missing retries get their defaults."""
    return {**RETRY_DEFAULTS, **_checked(body, STRICT_FORM)}


def patch_of(body: Document, form: Form = FORM) -> Document:
    """Validate a PATCH, and return it without the id and the owner."""
    return _checked(dropped(body, ("action_id",)), form)


def _checked(body: Document, form: Form) -> Document:
    document = dropped(body, _DROPPED)
    for name in ("freezer_action", "action_id"):
        if document.get(name, ...) is None:
            del document[name]
    form.check(document)
    return document


def definition_of(action: Document) -> Document:
    """Return the ``freezer_action`` of a stored action of either form."""
    definition = action.get("freezer_action")
    return definition if isinstance(definition, dict) else dropped(action, _NOT_DEFINITION)


def nested(action: Document) -> Document:
    """Return the action in the nested form."""
    if isinstance(action.get("freezer_action"), dict):
        return action
    beside = {key: value for key, value in action.items() if key in _NOT_DEFINITION}
    return {**beside, "freezer_action": definition_of(action)}


def flat_paths(path: str) -> tuple[str, ...]:
    """Return the path in the flat form that corresponds to a path in the nested one."""
    container, _, rest = path.partition(".")
    key = rest.partition(".")[0]
    return (rest,) if container == "freezer_action" and key and key not in _NOT_DEFINITION else ()


def same_definition(left: Document, right: Document) -> bool:
    """Return whether two definitions are equal; null, ``""`` and ``false`` equal an absent key."""
    return same(_significant(left), _significant(right))


def identical_definition(left: Document, right: Document) -> bool:
    """Return whether two definitions run the same command; agents distinguish ``""`` and ``false`` from absent."""
    return same(*({key: value for key, value in one.items() if value is not None} for one in (left, right)))


def _significant(definition: Document) -> Document:
    return {
        key: value for key, value in definition.items() if key not in ("_version", "user_id") and is_set(value)
    }


def library_entry(item: Document) -> Document:
    """Return the action of the library to create for an action of a job, without id and owner."""
    return {key: item[key] for key in ("freezer_action", *_RETRIES) if key in item}


def completed_item(item: Document, action: Document) -> Document:
    """Return an action of a job that has only an id, completed by the definition and retries of that action."""
    return {**with_retries(item, action), "freezer_action": definition_of(action)}


def with_retries(item: Document, source: Document) -> Document:
    """Return an action of a job in which missing retries are those of ``source``."""
    return {**{key: source[key] for key in _RETRIES if key in source}, **item}
