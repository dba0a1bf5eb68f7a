"""Find what index templates, other programs or operators have added to an index of this service."""

from collections.abc import Iterator
from typing import Any

from freezer_api.repository.admin import Foreign
from freezer_api.repository.elastic.layout import Layout

_NO_PIPELINE = "_none"

_EXPECTED = frozenset(
    {
        "number_of_shards",
        "number_of_replicas",
        "refresh_interval",
        "sort.field",
        "sort.order",
        # Set by the server.
        "creation_date",
        "history.uuid",
        "provided_name",
        "replication.type",
        "routing.allocation.include._tier_preference",
        "routing.allocation.initial_recovery._id",
        "uuid",
    }
)

_PIPELINES = frozenset({"default_pipeline", "final_pipeline", "search.default_pipeline"})

_BREAKING = ("blocks.", "mapping.source.", "mode", "max_result_window", "verified_before_close")
"""Beginnings of the names of settings with which requests fail, or documents are not given back as they came."""


def in_index(there: dict[str, Any], layout: Layout, alias: str, own: set[str]) -> Iterator[Foreign]:
    """Yield what the index has beyond what this service gives it.

    ``there`` is the store's answer, ``alias`` the alias of the kind, ``own`` all aliases that the index may have.
    """
    # Another release has other fields, and its index is copied.
    is_current = there["mappings"].get("_meta", {}).get("freezer") == layout.meta
    for name in sorted(in_mapping(there["mappings"], layout)) if is_current else ():
        yield Foreign(f"the mapping has {name}", breaks=True)
    for name, value in sorted(there["aliases"].items()):
        if name not in own:
            # With an alias of another kind its documents are found there, and writes there fail.
            yield Foreign(f"it has the alias {name}", breaks=name.startswith(alias.removesuffix(layout.kind.name)))
        elif value:
            yield Foreign(f"the alias {name} has {', '.join(sorted(value))}", breaks=True)
    for name, value in sorted(_flat(there["settings"].get("index", {}))):
        if name in _PIPELINES:
            if value != _NO_PIPELINE:
                yield Foreign(f"index.{name} is {value}", breaks=True)
        elif name == "verified_before_close":
            yield Foreign("it is closed", breaks=True)
        elif not _is_expected(name, value):
            yield Foreign(f"index.{name} is {value}", breaks=name.startswith(_BREAKING))


def _is_expected(name: str, value: Any) -> bool:
    is_open = name.startswith("blocks.") and value == "false"
    return is_open or name in _EXPECTED or name.startswith("version.")


def in_mapping(there: dict[str, Any], layout: Layout) -> set[str]:
    """Return the names of what the mapping has beyond the layout; fields that it lacks are no concern here."""
    wanted = layout.mapping
    others = {name for name in there.keys() - {"properties", "_meta"} if there[name] != wanted.get(name)}
    return others | {
        f"the field {name}" for name in there.get("properties", {}).keys() - wanted["properties"].keys()
    }


def _flat(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
