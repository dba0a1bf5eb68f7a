# SPDX-License-Identifier: Apache-2.0
"""The definition of a kind of document, for the stores and the API."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from freezer_api.documents.fields import Document, Field, Index, walk
from freezer_api.documents.json_codec import size


@dataclass(frozen=True)
class HotList:
    """A list that clients request often; drivers keep it fast for any number of documents.

    ``equal``: the paths that the query compares with a value, outermost first; none for the list of all documents.
    The value is always one string of at most 255 characters, or missing. ``excluded``: a path and the value that
    excludes a document from the list. ``within``: another path that the query compares, which may select few
    documents.
    """

    equal: tuple[str, ...]
    excluded: tuple[str, str] | None = None
    within: str | None = None


OWNERS = (HotList(("user_id",), within="project_id"), HotList(("project_id",)))
"""The lists that every kind has: of v1 (a user within a project) and of v2 (a project)."""


@dataclass(frozen=True)
class Kind:
    """One kind of document.

    ``name`` is the collection (``jobs``), ``title`` the name in messages (``Job``), ``id_field`` the property with
    the id. ``levels``: where a leaf name is searched; each level is a tuple of containers (``""`` is the root),
    and the first level that defines the name applies; the root of that level may also have the name as a free key.
    ``keyed_by_id``: the id is unique in the store and is the key; otherwise the key is derived from owner and id.
    ``sent`` returns the document without the properties that the service itself adds, whose size is bounded.
    ``counted``: a root property whose number of items is limited, their name in messages, and the limit.
    """

    name: str
    title: str
    id_field: str
    fields: tuple[Field, ...]
    levels: tuple[tuple[str, ...], ...]
    hot: tuple[HotList, ...]
    sent: Callable[[Document], Document]
    keyed_by_id: bool = True
    counted: tuple[str, str, str] | None = None

    @cached_property
    def paths(self) -> dict[str, Field]:
        """All defined fields by dotted path."""
        return dict(walk(self.fields))

    @cached_property
    def hot_paths(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(path for hot in self.hot for path in hot.equal))

    @cached_property
    def columns(self) -> dict[str, str]:
        """The name of the field in stores for each hot path."""
        return {path: path.rsplit(".", 1)[-1] for path in self.hot_paths}

    @cached_property
    def excluded(self) -> tuple[str, str] | None:
        """The path and value that a hot list excludes. Stores mark documents with another value by ``pending``."""
        return next((hot.excluded for hot in self.hot if hot.excluded), None)

    @cached_property
    def epoch_path(self) -> str | None:
        """The path that ``time_after`` and ``time_before`` search, if the kind has one."""
        return next((path for path, field in self.paths.items() if field.index is Index.EPOCH), None)

    @cached_property
    def aside(self) -> tuple[tuple[str, Field], ...]:
        """The fields with ``Index.ASIDE``, by path."""
        return tuple((path, field) for path, field in self.paths.items() if field.index is Index.ASIDE)

    @cached_property
    def server_names(self) -> frozenset[str]:
        return frozenset(field.name for field in self.fields if field.server)

    @cached_property
    def shown_names(self) -> frozenset[str]:
        """The leaf names that all versions of the API show."""
        return frozenset(field.name for field in self.paths.values() if not field.hidden)

    def size(self, document: Document) -> int:
        """Return the size of the document in bytes, without the properties that the service adds."""
        return size(self.sent(document))

    def resolve(self, name: str, hidden: Iterable[str]) -> tuple[str, ...]:
        """Return the names in the index to which a name in a search refers. A document matches by any of them.

        A defined leaf name refers to the shallowest level that has it, ignoring ``hidden`` paths. A dotted name
        refers to the path and to the free key of that name (``free_name``), any other name to the free key.
        """
        unshown = frozenset(hidden)
        if "." in name:
            return (free_name(name),) if name in unshown else (name, free_name(name))
        for level in self.levels:
            paths = [f"{container}.{name}" if container else name for container in level]
            defined = [path for path in paths if path in self.paths and path not in unshown]
            if defined:
                return tuple(path for path in paths if path in defined or path == name)
        return (free_name(name),)


FREE = "*"


def free_name(key: str) -> str:
    """Return the name in the index of a key without a definition, at any path. No path starts with ``FREE``."""
    return f"{FREE}{key}"


def object_at(document: Document, name: str) -> Document:
    """Return the object under a root property, or an empty one: imported documents may have null."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def dropped(document: Document, names: Iterable[str]) -> Document:
    """Return a copy without these root properties."""
    unwanted = frozenset(names)
    return {key: value for key, value in document.items() if key not in unwanted}
