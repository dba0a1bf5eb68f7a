"""A kind of document: everything that a driver or an adapter needs to know of it, in one place."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from freezer_api.documents.fields import Document, Field, Index, walk
from freezer_api.documents.json_codec import size


@dataclass(frozen=True)
class HotList:
    """A list that clients ask for all day; drivers keep it cheap however many documents there are.

    ``equal``: paths that the query fixes, outermost first, none for the list of everything; what stands there is
    always one string of at most 255 characters, or nothing. ``excluded``: a path and the value that takes a
    document out of the list. ``within``: a path that the query compares as well, whose documents may be few among
    those of the list.
    """

    equal: tuple[str, ...]
    excluded: tuple[str, str] | None = None
    within: str | None = None


OWNERS = (HotList(("user_id",), within="project_id"), HotList(("project_id",)))
"""The lists of an owner, which every kind has: v1's of a user within a project, v2's of a project."""


@dataclass(frozen=True)
class Kind:
    """One kind of document.

    ``name`` is the collection (``jobs``), ``title`` the word in messages (``Job``), ``id_field`` the property
    that clients know the document by. ``levels`` says where a bare (leaf) name is looked for: each level is
    a tuple of containers (``""`` is the root), the first level that defines the name wins; the root, where it is
    of that level, may also hold the name as a free key. ``keyed_by_id``: the id is unique in the whole store
    and is the key; else the key is derived from owner and id. ``sent`` returns what callers send of a document:
    all of it but what the service itself adds, whose size is bounded. ``counted``: a root property whose number of
    items is limited, the word for them in messages, and the limit.
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
        """Every defined field by its dotted path."""
        return dict(walk(self.fields))

    @cached_property
    def hot_paths(self) -> tuple[str, ...]:
        """The paths that hot lists fix, each once."""
        return tuple(dict.fromkeys(path for hot in self.hot for path in hot.equal))

    @cached_property
    def columns(self) -> dict[str, str]:
        """The names of the fields that stores have for the hot paths."""
        return {path: path.rsplit(".", 1)[-1] for path in self.hot_paths}

    @cached_property
    def excluded(self) -> tuple[str, str] | None:
        """The path and the text that a hot list excludes; stores have a field ``pending`` for it."""
        return next((hot.excluded for hot in self.hot if hot.excluded), None)

    @cached_property
    def epoch_path(self) -> str | None:
        """The path of the time that ``time_after`` and ``time_before`` bound, where the kind has one."""
        return next((path for path, field in self.paths.items() if field.index is Index.EPOCH), None)

    @cached_property
    def aside(self) -> tuple[tuple[str, Field], ...]:
        """The fields, by path, whose words are not among those of the document."""
        return tuple((path, field) for path, field in self.paths.items() if field.index is Index.ASIDE)

    @cached_property
    def server_names(self) -> frozenset[str]:
        """Root properties that only the service sets."""
        return frozenset(field.name for field in self.fields if field.server)

    @cached_property
    def shown_names(self) -> frozenset[str]:
        """The leaf names that every version of the API defines."""
        return frozenset(field.name for field in self.paths.values() if not field.hidden)

    def size(self, document: Document) -> int:
        """Return the bytes of the document without what the service itself adds."""
        return size(self.sent(document))

    def resolve(self, name: str, hidden: Iterable[str]) -> tuple[str, ...]:
        """The index names that a searched field name stands for; a document matches by any of them.

        A defined leaf name stands for the shallowest level that has it, a dotted one for the path; paths in
        ``hidden`` do not count. Any other name stands for the free key of that name (``free_name``), and so
        does a dotted one, too.
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
    """The index name of a free key wherever it lies. No path is equal to it: none in an index starts so."""
    return f"{FREE}{key}"


def object_at(document: Document, name: str) -> Document:
    """The object under a root property, an empty one where there is none (imported documents may have null)."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def dropped(document: Document, names: Iterable[str]) -> Document:
    """A copy without these root properties."""
    unwanted = frozenset(names)
    return {key: value for key, value in document.items() if key not in unwanted}
