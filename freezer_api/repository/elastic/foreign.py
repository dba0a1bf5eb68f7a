# SPDX-License-Identifier: Apache-2.0
"""Find what index templates, other programs or operators have added to an index of this service."""

from collections.abc import Iterator
from typing import Any

from freezer_api.repository.admin import Foreign
from freezer_api.repository.elastic.layout import Layout, alias_of, copying_alias_of, write_alias_of

_NO_PIPELINE = "_none"

_EXPECTED = frozenset(
    {
        "number_of_shards",
        "number_of_replicas",
        "refresh_interval",
        "sort.field",
        "sort.order",
        # Settings that the server sets.
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
"""Prefixes of settings with which requests fail, or documents are not returned unchanged."""


def in_index(index: str, there: dict[str, Any], prefix: str, layout: Layout) -> Iterator[Foreign]:
    """Yield the additions of others to the index, which the store's response ``there`` describes."""
    own = {alias_of(prefix, layout.kind), write_alias_of(index), copying_alias_of(index)}
    # Ignore the mapping of another release: it has other fields, and the index will be copied.
    is_current = there["mappings"].get("_meta", {}).get("freezer") == layout.meta
    for name in sorted(in_mapping(there["mappings"], layout)) if is_current else ():
        yield Foreign(f"the mapping has {name}", breaks=True)
    for name, value in sorted(there["aliases"].items()):
        if name not in own:
            # An alias of another kind mixes the documents of both, and writes by it fail.
            yield Foreign(f"it has the alias {name}", breaks=name.startswith(f"{prefix}-"))
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
    """Return the names of additions to the mapping. Missing fields are ignored."""
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
