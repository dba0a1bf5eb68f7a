# SPDX-License-Identifier: Apache-2.0
"""Backups: metadata reported by agents, which is stored unchanged."""

from freezer_api.documents.fields import ANY, FILLED, ID, TEXT_OR_NULL, Document, Field, Index, enum
from freezer_api.documents.kind import OWNERS, Kind, dropped, object_at
from freezer_api.documents.merge import same
from freezer_api.documents.validation import Form
from freezer_api.errors import Invalid

AVAILABLE = "available"
LENIENT = ("creating", "error", "deleting")
"""Statuses in which ``container`` and ``hostname`` may be missing."""
STATUSES = (*LENIENT, AVAILABLE, "deleted")

_TEXTS = (
    *("host_name", "action", "mode", "storage", "backup_media", "compression", "compression_alg", "client_os"),
    *("client_version", "version", "os_auth_version", "consistency_checksum", "job_id", "client_id"),
    *("path_to_backup", "fs_real_path", "vol_snap_path", "container_segments", "log_file", "proxy", "cli"),
    *("meta_data_file", "ssh_key", "ssh_username", "ssh_host", "broken_links", "excluded_files"),
    *("cindernative_backup_az", "cindernative_backup_container", "cinder_backup_id"),
)
_NUMBERS = (
    *("timestamp", "curr_backup_level", "current_level", "level", "max_level", "ssh_port"),
    *("backup_size_compressed", "backup_size_uncompressed", "total_backup_session_size", "backup_session"),
    *("total_broken_links", "total_directories", "total_fs_files"),
)
_FLAGS = ("always_level", "dry_run", "encrypted", "no_incremental", "overwrite")

METADATA_FIELDS = (
    *(Field(name, FILLED) for name in ("backup_name", "container", "hostname")),
    Field("time_stamp", ANY, Index.EPOCH),
    *(Field(name, ANY) for name in _TEXTS),
    *(Field(name, ANY, Index.LONG) for name in _NUMBERS),
    *(Field(name, ANY, Index.BOOLEAN) for name in _FLAGS),
)

BACKUPS = Kind(
    name="backups",
    title="Backup",
    id_field="backup_id",
    fields=(
        Field("backup_id", ID, server=True),
        Field("user_id", ID, server=True),
        Field("user_name", TEXT_OR_NULL, Index.ASIDE, server=True),
        Field("project_id", ID, server=True, hidden=True),
        Field("status", enum(*STATUSES), Index.ASIDE, hidden=True),
        Field("backup_metadata", fields=METADATA_FIELDS),
    ),
    levels=(("",), ("backup_metadata",)),
    hot=OWNERS,
    sent=lambda backup: object_at(backup, "backup_metadata"),
)

_FILLED_OR_NULL = {**FILLED, "type": ["string", "null"]}
_STATUS = Field("status", enum(*STATUSES))

FORM = Form(METADATA_FIELDS, required=("backup_name", "container", "hostname"))
LENIENT_FORM = Form(
    (Field("backup_name", FILLED), Field("container", _FILLED_OR_NULL), Field("hostname", _FILLED_OR_NULL)),
    required=("backup_name",),
)
STATUS_FORM = Form((_STATUS,))
PATCH_FORM = Form((_STATUS, Field("backup_metadata", {"type": "object"})))
CHANGED_FORM = Form(METADATA_FIELDS)

_NOT_METADATA = ("status", "backup_id", "user_id", "user_name", "project_id", "_version")
"""Keys that are not metadata in a PATCH whose body has the metadata at its root."""


def checked(metadata: Document, form: Form = FORM) -> Document:
    """Return the metadata unchanged. Raises ``Invalid`` if a required property is missing or empty."""
    try:
        form.check(metadata)
    except Invalid as error:
        raise Invalid(f"Bad Data Format: {error}") from None
    return metadata


def reported(metadata: Document) -> Document:
    """Return the document for the body of a v1 POST, without id and owner."""
    return {"backup_metadata": checked(metadata)}


def reported_with_status(body: Document) -> Document:
    """Return the document for the body of a v2 POST: ``status`` is moved out of the metadata."""
    checked(body, STATUS_FORM)
    status = body.get("status", AVAILABLE)
    form = LENIENT_FORM if status in LENIENT else FORM
    return {"status": status, "backup_metadata": checked(dropped(body, ("status",)), form)}


def status_of(backup: Document) -> str:
    """Return the status. A backup of v1 has no property ``status``, but its metadata may contain a valid one."""
    stored = backup.get("status") or object_at(backup, "backup_metadata").get("status")
    return next((status for status in STATUSES if status == stored), AVAILABLE)


def patch_of(body: Document) -> Document:
    """Validate a PATCH, and return its status and metadata.

    Without ``backup_metadata`` the body itself is the metadata: schedulers of freezer 19 send it flat.
    """
    checked(body, PATCH_FORM)
    if "backup_metadata" not in body:
        body = {**body, "backup_metadata": dropped(body, _NOT_METADATA)}
    return {key: body[key] for key in ("status", "backup_metadata") if key in body}


def patched(backup: Document, patch: Document) -> Document:
    """Merge the patch into the backup. Raises ``Invalid`` if a changed metadata value is invalid.

    Unchanged values are not checked: a required property that is absent or null may remain absent or null.
    """
    status = patch.get("status", status_of(backup))
    old, new = object_at(backup, "backup_metadata"), patch["backup_metadata"]
    checked({key: value for key, value in new.items() if not same(value, old.get(key))}, CHANGED_FORM)
    return {**backup, "status": status, "backup_metadata": {**old, **new}}
