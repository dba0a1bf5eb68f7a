# SPDX-License-Identifier: Apache-2.0
"""The names, mapping and settings of the index of each kind, and the fields of a document in it.

``<prefix>-<kind>`` is the alias for reads and for new documents. It points to ``<prefix>-<kind>-000001`` or a
later index. Changes use an alias that belongs to one index.

They are derived from the definitions of the kinds. All fields are explicit. The engine does not parse the body, so
no document is refused for its keys or values, and the mapping never grows.
"""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import orjson

from freezer_api.documents import search_index as searched
from freezer_api.documents.fields import Document
from freezer_api.documents.json_codec import encode
from freezer_api.documents.kind import Kind
from freezer_api.documents.registry import KINDS
from freezer_api.documents.search_index import as_epoch, search_index, value_at
from freezer_api.repository.elastic import terms

RELEASE = 1
"""The number of the layout. An index with a higher number was created by a newer release."""

REFRESH_INTERVAL = "20ms"
"""The maximum time between a write and its visibility to searches: see doc/adr/0011."""

_KEYWORD = {"type": "keyword"}
_KEPT = {"type": "keyword", "index": False, "doc_values": False}
_SEARCHED_ONLY = ("entries", "names", "words", "values")
"""Fields that are not stored in ``_source``, because they are computed from the body and enlarge each hit."""


def alias_of(prefix: str, kind: Kind) -> str:
    """Return the alias of a kind."""
    return f"{prefix}-{kind.name}"


def write_alias_of(index: str) -> str:
    """Return the alias for changes to documents of this index, which is removed with the index."""
    return f"{index}-write"


def copying_alias_of(index: str) -> str:
    """Return the alias that an index has while it is an unfinished copy."""
    return f"{index}-copying"


class Layout:
    """The layout of the index of one kind.

    Lists are in the order of ``created`` (microseconds since the epoch) and ``key``. ``write`` is the id of the
    last write, ``layout`` the digest of the definition by which the fields were computed from the ``body``. The
    other columns are copies of properties that frequent lists use.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    @cached_property
    def mapping(self) -> dict[str, Any]:
        """The mapping, as the store returns it, without ``_meta``."""
        properties: dict[str, Any] = {
            "key": _KEYWORD,
            "created": {"type": "long"},
            "version": {"type": "long", "index": False, "doc_values": False},
            "write": _KEPT,
            "layout": _KEYWORD,
            "body": {"type": "object", "enabled": False},
            **dict.fromkeys((*self.kind.columns.values(), *_SEARCHED_ONLY), _KEYWORD),
        }
        if self.kind.excluded:
            properties["pending"] = {"type": "boolean"}
        if self.kind.epoch_path:
            properties["epoch"] = {"type": "long"}
        return {"dynamic": "strict", "_source": {"excludes": list(_SEARCHED_ONLY)}, "properties": properties}

    @cached_property
    def definition(self) -> str:
        """A digest of everything that determines the fields of a document."""
        kind = self.kind
        fields = [(path, field.index.value, field.server, field.hidden) for path, field in kind.paths.items()]
        return _digest([kind.name, fields, kind.levels, kind.hot_paths, kind.excluded, searched.REVISION])

    @cached_property
    def meta(self) -> dict[str, Any]:
        """The ``_meta`` by which an index of this service and its layout are recognized."""
        return {
            "kind": self.kind.name,
            "release": RELEASE,
            "mapping": _digest(self.mapping),
            "definition": self.definition,
        }

    def settings(self, replicas: int) -> dict[str, Any]:
        """Return the settings of a new index. The index is sorted by creation, so that pages need no sort."""
        return {
            "number_of_shards": 1,
            "number_of_replicas": replicas,
            "refresh_interval": REFRESH_INTERVAL,
            # These settings override those of an index template.
            "default_pipeline": "_none",
            "final_pipeline": "_none",
            "sort.field": ["created", "key"],
            "sort.order": ["asc", "asc"],
        }

    def fields(self, document: Document, max_values: int = searched.MAX_VALUES) -> dict[str, Any]:
        """Return the fields that depend on the document alone; see :func:`search_index` for ``max_values``."""
        source: dict[str, Any] = terms.fields(search_index(self.kind, document, max_values))
        for path, name in self.kind.columns.items():
            value = value_at(document, path)
            if isinstance(value, str):
                source[name] = value
        if self.kind.excluded:
            path, excluded = self.kind.excluded
            source["pending"] = value_at(document, path) != excluded
        if self.kind.epoch_path:
            source["epoch"] = as_epoch(value_at(document, self.kind.epoch_path))
        source["body"] = encode(document)
        source["layout"] = self.definition
        return source


def _digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


LAYOUTS: Mapping[str, Layout] = {kind.name: Layout(kind) for kind in KINDS}
