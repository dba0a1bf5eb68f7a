"""Backups: the metadata that agents report, kept to the letter."""

from freezer_api.documents.fields import (
    ANY,
    FILLED,
    ID,
    TEXT_OR_NULL,
    Document,
    Field,
    Index,
    enum,
)
from freezer_api.documents.kind import HotList, Kind
from freezer_api.documents.validation import Form
from freezer_api.errors import Invalid

STATUSES = ("creating", "available", "error", "deleting", "deleted")

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

TIME_STAMP = "backup_metadata.time_stamp"
"""What ``time_after`` and ``time_before`` bound: epoch seconds."""

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
        Field("user_name", TEXT_OR_NULL, server=True),
        Field("project_id", ID, server=True, hidden=True),
        Field("status", enum(*STATUSES), hidden=True),
        Field("backup_metadata", fields=METADATA_FIELDS),
    ),
    levels=(("",), ("backup_metadata",)),
    hot=(HotList(("user_id",)), HotList(("project_id",))),
)

FORM = Form(METADATA_FIELDS, required=("backup_name", "container", "hostname"))


def checked(metadata: Document) -> Document:
    """The metadata as it came; :class:`Invalid` when a needed property is missing or empty."""
    try:
        FORM.check(metadata)
    except Invalid as error:
        raise Invalid(f"Bad Data Format: {error}") from None
    return metadata
