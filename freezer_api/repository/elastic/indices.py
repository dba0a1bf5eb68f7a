# SPDX-License-Identifier: Apache-2.0
"""The state of the index of each kind."""

import logging
import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from freezer_api.errors import Unavailable
from freezer_api.repository.admin import Foreign
from freezer_api.repository.elastic import foreign
from freezer_api.repository.elastic.layout import LAYOUTS, RELEASE, Layout, alias_of
from freezer_api.repository.elastic.transport import Connection

LOG = logging.getLogger(__name__)

_NUMBER = re.compile(r"-([0-9]{6})")


class State(Enum):
    """The state of the index of a kind."""

    CURRENT = "current"
    MISSING = "missing"
    ADDITIVE = "additive"
    """The mapping lacks fields and otherwise matches this release."""
    OTHER = "other"
    """The documents must be copied into a new index."""
    NEWER = "newer"
    FOREIGN = "foreign"
    """An index that another program created has the name."""
    AMBIGUOUS = "ambiguous"
    """The alias has several indices of this service."""


@dataclass(frozen=True)
class KindIndices:
    """The indices of one kind.

    ``index``: the one with the alias, or empty. ``copies``: unfinished copies, newest first. ``others``: further
    indices of this service. ``next``: the name of the next index. ``foreign``: additions of others to ``index``.
    ``erasable``: ``index`` does not belong to another kind of this service.
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
        """Whether the kind has no index."""
        return self.state is State.MISSING and not self.copies and not self.others


def find_indices(connection: Connection, prefix: str, layout: Layout) -> KindIndices:
    """Return the indices of a kind."""
    alias = alias_of(prefix, layout.kind)
    names = f"{alias},{alias}-*"
    options = "ignore_unavailable=true&allow_no_indices=true"
    indices: dict[str, Any] = connection.call("GET", f"/{names}?{options}&expand_wildcards=all").body
    if not indices:
        # A proxy may answer with an empty object. This request proves that the store itself answers.
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
    index = behind[0] if behind else ""
    has_layout = state in (State.CURRENT, State.ADDITIVE, State.OTHER)
    added = tuple(foreign.in_index(index, indices[index], prefix, layout)) if has_layout else ()
    return KindIndices(state, index, copies, others, f"{alias}-{number:06d}", added, erasable)


def is_of(index: dict[str, Any], layout: Layout) -> bool:
    """Return whether this service created the index for this kind."""
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
        # A field that another program added can be removed only by copying the index.
        return State.OTHER if foreign.in_mapping(index["mappings"], layout) else State.CURRENT
    return State.ADDITIVE if _lacks_fields_only(index["mappings"], layout.mapping) else State.OTHER


def _lacks_fields_only(there: dict[str, Any], wanted: dict[str, Any]) -> bool:
    rest = {name: value for name, value in there.items() if name not in ("properties", "_meta")}
    fields = there.get("properties", {}).items()
    return rest == {name: wanted[name] for name in wanted if name != "properties"} and all(
        wanted["properties"].get(name) == field for name, field in fields
    )


# An index that another program created may have no _meta. ``dynamic`` is requested so that no response is empty.
_MARKS = "filter_path=*.mappings._meta,*.mappings.dynamic,error.type,status"


def check_current(connection: Connection, prefix: str) -> None:
    """Raise ``Unavailable`` unless every kind has an index with the layout of this release."""
    aliases = ",".join(alias_of(prefix, layout.kind) for layout in LAYOUTS.values())
    answer = connection.call("GET", f"/{aliases}/_mapping?{_MARKS}")
    found = [] if answer.status == 404 else answer.body.values()
    marks = [_meta(index) for index in found]
    if not all(layout.meta in marks for layout in LAYOUTS.values()):
        LOG.error("The indices are missing or belong to another release: run 'freezer-manage db sync'")
        raise Unavailable
