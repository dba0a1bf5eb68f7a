"""The indices: making them, bringing their mappings up to date, copying them behind their aliases.

The alias ``<prefix>-<kind>`` is what the service reads and writes; behind it stands ``<prefix>-<kind>-000001`` or
a later one.
"""

import logging
from typing import Any

from freezer_api.documents.kinds import KINDS
from freezer_api.errors import StoreFailed, Unavailable
from freezer_api.repository.elastic.mapping import INDICES
from freezer_api.repository.elastic.transport import Connection

LOG = logging.getLogger(__name__)


def current_mappings(connection: Connection, prefix: str) -> dict[str, str | None]:
    """By kind the digest of the mapping that its index has; a kind without an index is not in it."""
    found: dict[str, str | None] = {}
    for kind in KINDS:
        answer = connection.call("GET", f"/{prefix}-{kind.name}/_mapping")
        if answer.status == 200:
            (index,) = answer.body.values()
            found[kind.name] = index["mappings"].get("_meta", {}).get("freezer_mapping")
    return found


def check_current(connection: Connection, prefix: str) -> None:
    """Raise ``Unavailable`` unless every kind has its index with the mapping of this release."""
    found = current_mappings(connection, prefix)
    for name, index in INDICES.items():
        if found.get(name) != index.mapping["_meta"]["freezer_mapping"]:
            LOG.error("The index of %s is missing or of another release: run 'freezer-manage db sync'", name)
            raise Unavailable


def sync(connection: Connection, prefix: str, *, replicas: int) -> None:
    """Make what is missing. Safe when several processes do it at once."""
    found = current_mappings(connection, prefix)
    for name, index in INDICES.items():
        if name not in found:
            _create(connection, f"{prefix}-{name}", index.mapping, index.settings(replicas))


def _create(connection: Connection, alias: str, mapping: dict[str, Any], settings: dict[str, Any]) -> None:
    body = {"settings": {"index": settings}, "mappings": mapping, "aliases": {alias: {"is_write_index": True}}}
    answer = connection.call("PUT", f"/{alias}-000001", body)
    if answer.status not in (200, 201):
        raise StoreFailed
