"""Names of indices and aliases, and which state the index of each kind is in.

``<prefix>-<kind>`` is the alias by which the service reads and creates; behind it stands
``<prefix>-<kind>-000001`` or a later one, which is written to by an alias of its own.
"""

import logging
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from freezer_api.documents.kind import Kind
from freezer_api.errors import Unavailable
from freezer_api.repository.elastic.layout import LAYOUTS, RELEASE, Layout
from freezer_api.repository.elastic.transport import Connection

LOG = logging.getLogger(__name__)

_NUMBER = re.compile(r"-([0-9]{6})")


def alias_of(prefix: str, kind: Kind) -> str:
    """The alias of a kind."""
    return f"{prefix}-{kind.name}"


def write_alias_of(index: str) -> str:
    """The alias by which one index is written to; it ends with the index."""
    return f"{index}-write"


class State(Enum):
    """What there is to do for a kind."""

    CURRENT = "current"
    MISSING = "missing"
    ADDITIVE = "additive"
    """Its mapping lacks fields and is otherwise the one of this release."""
    OTHER = "other"
    """Its documents have to be copied into a new index."""
    NEWER = "newer"
    FOREIGN = "foreign"
    """Nothing of ours has the name."""


@dataclass(frozen=True)
class Found:
    """Indices of one kind. ``index``: the one behind the alias, empty for none; ``others``: copies that were not
    finished; ``next``: the name of the next one.
    """

    state: State
    index: str
    others: tuple[str, ...]
    next: str


def look(connection: Connection, prefix: str, layout: Layout) -> Found:
    """What there is of a kind."""
    alias = alias_of(prefix, layout.kind)
    answer = connection.call("GET", f"/{alias},{alias}-*?ignore_unavailable=true&allow_no_indices=true")
    indices: dict[str, Any] = answer.body
    numbered = {name: match for name in indices if (match := _NUMBER.fullmatch(name.removeprefix(alias)))}
    behind = [name for name, index in indices.items() if alias in index["aliases"] or name == alias]
    others = tuple(sorted(name for name in numbered if name not in behind))
    number = max((int(match[1]) for match in numbered.values()), default=0) + 1
    state = _state(indices, behind, alias, layout)
    return Found(state, behind[0] if behind else "", others, f"{alias}-{number:06d}")


def _state(indices: dict[str, Any], behind: list[str], alias: str, layout: Layout) -> State:
    if not behind:
        return State.MISSING
    index = indices[behind[0]]
    meta = index["mappings"].get("_meta", {}).get("freezer", {})
    if len(behind) > 1 or behind[0] == alias or meta.get("kind") != layout.kind.name:
        return State.FOREIGN
    if meta["release"] > RELEASE:
        return State.NEWER
    if meta == layout.meta:
        return State.CURRENT
    return State.ADDITIVE if _lacks_fields_only(index["mappings"], layout.mapping) else State.OTHER


def _lacks_fields_only(there: dict[str, Any], wanted: dict[str, Any]) -> bool:
    rest = {name: value for name, value in there.items() if name not in ("properties", "_meta")}
    fields = there.get("properties", {}).items()
    return rest == {name: wanted[name] for name in wanted if name != "properties"} and all(
        wanted["properties"].get(name) == field for name, field in fields
    )


def check_current(connection: Connection, prefix: str) -> None:
    """Raise ``Unavailable`` unless every kind has its index with the layout of this release."""
    for layout in LAYOUTS.values():
        found = look(connection, prefix, layout)
        if found.state is not State.CURRENT:
            LOG.error("The index of %s is %s: run 'freezer-manage db sync'", layout.kind.name, found.state.value)
            raise Unavailable
