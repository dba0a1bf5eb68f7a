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
from freezer_api.repository.admin import Foreign
from freezer_api.repository.elastic import foreign
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


def copying_alias_of(index: str) -> str:
    """The alias that a copy has until it is finished, or until it is taken away from who makes it."""
    return f"{index}-copying"


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
    """An index that is none of ours has the name."""
    AMBIGUOUS = "ambiguous"
    """Several of ours are behind the alias."""


@dataclass(frozen=True)
class KindIndices:
    """Indices of one kind. ``index``: the one behind the alias, empty for none; ``copies``: those that a copying
    has made and not finished, the newest first; ``others``: further ones that a service made; ``next``: the name
    of the next one. ``foreign``: what others have added to the one behind the alias. ``erasable``: that one is not
    of another kind of this service.
    """

    state: State
    index: str
    copies: tuple[str, ...]
    others: tuple[str, ...]
    next: str
    foreign: tuple[Foreign, ...] = ()
    erasable: bool = True

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the kind is there."""
        return self.state is State.MISSING and not self.copies and not self.others


def find_indices(connection: Connection, prefix: str, layout: Layout) -> KindIndices:
    """What there is of a kind."""
    alias = alias_of(prefix, layout.kind)
    names = f"{alias},{alias}-*"
    options = "ignore_unavailable=true&allow_no_indices=true"
    indices: dict[str, Any] = connection.call("GET", f"/{names}?{options}&expand_wildcards=all").body
    if not indices:
        # Anything in front of the store may answer with an empty object; only the store counts.
        connection.call("GET", f"/{names}/_count?{options}")
    numbered = {name: match for name in indices if (match := _NUMBER.fullmatch(name.removeprefix(alias)))}
    behind = [name for name, index in indices.items() if alias in index["aliases"] or name == alias]
    behind.sort(key=lambda name: is_of(indices[name], layout))
    ours = (name for name in {*numbered, *behind[1:]} if is_of(indices[name], layout) and name not in behind[:1])
    beside = sorted(ours, reverse=True)
    copies = tuple(name for name in beside if "beats" in indices[name]["mappings"]["_meta"])
    others = tuple(name for name in beside if name not in copies)
    number = max((int(match[1]) for match in numbered.values()), default=0) + 1
    state = _state(indices, behind, alias, layout)
    erasable = not behind or _meta(indices[behind[0]]).get("kind") not in LAYOUTS.keys() - {layout.kind.name}
    added: tuple[Foreign, ...] = ()
    if state in (State.CURRENT, State.ADDITIVE, State.OTHER):
        added = foreign_parts_of(behind[0], indices[behind[0]], prefix, layout)
    index = behind[0] if behind else ""
    return KindIndices(state, index, copies, others, f"{alias}-{number:06d}", added, erasable)


def foreign_parts_of(index: str, there: dict[str, Any], prefix: str, layout: Layout) -> tuple[Foreign, ...]:
    """What others have added to this index."""
    alias = alias_of(prefix, layout.kind)
    own = {alias, write_alias_of(index), copying_alias_of(index)}
    return tuple(foreign.in_index(there, layout, alias, own))


def is_of(index: dict[str, Any], layout: Layout) -> bool:
    """Whether a service made the index for this kind."""
    meta = _meta(index)
    return meta.get("kind") == layout.kind.name and isinstance(meta.get("release"), int)


def _meta(index: dict[str, Any]) -> dict[str, Any]:
    meta = index["mappings"].get("_meta", {}).get("freezer")
    return meta if isinstance(meta, dict) else {}


def _state(indices: dict[str, Any], behind: list[str], alias: str, layout: Layout) -> State:
    if not behind:
        return State.MISSING
    index = indices[behind[0]]
    if behind[0] == alias or not is_of(index, layout):
        return State.FOREIGN
    if len(behind) > 1:
        return State.AMBIGUOUS
    meta = _meta(index)
    if meta["release"] > RELEASE:
        return State.NEWER
    if meta == layout.meta:
        # A field that others have added goes only with the index.
        return State.OTHER if foreign.in_mapping(index["mappings"], layout) else State.CURRENT
    return State.ADDITIVE if _lacks_fields_only(index["mappings"], layout.mapping) else State.OTHER


def _lacks_fields_only(there: dict[str, Any], wanted: dict[str, Any]) -> bool:
    rest = {name: value for name, value in there.items() if name not in ("properties", "_meta")}
    fields = there.get("properties", {}).items()
    return rest == {name: wanted[name] for name in wanted if name != "properties"} and all(
        wanted["properties"].get(name) == field for name, field in fields
    )


# An index of another origin may have no _meta; with ``dynamic`` only a foreign answer is empty.
_MARKS = "filter_path=*.mappings._meta,*.mappings.dynamic,error.type,status"


def check_current(connection: Connection, prefix: str) -> None:
    """Raise ``Unavailable`` unless every kind has its index with the layout of this release; one call."""
    aliases = ",".join(alias_of(prefix, layout.kind) for layout in LAYOUTS.values())
    answer = connection.call("GET", f"/{aliases}/_mapping?{_MARKS}")
    found = [] if answer.status == 404 else answer.body.values()
    marks = [_meta(index) for index in found]
    if not all(layout.meta in marks for layout in LAYOUTS.values()):
        LOG.error("The indices are missing or not of this release: run 'freezer-manage db sync'")
        raise Unavailable
