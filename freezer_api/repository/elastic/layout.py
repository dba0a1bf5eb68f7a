"""The index of a kind: its mapping and settings, and how a document becomes one of its documents.

Read off the definitions. Every field is ours and explicit; the body is a text that the engine does not parse, so
no document is ever refused for its keys or values and the mapping never grows.
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
"""Counts the layouts; an index of a higher one was made by a newer release."""

REFRESH_INTERVAL = "20ms"
"""How long a write waits at most until searches see it: doc/adr/0011."""

_KEYWORD = {"type": "keyword"}
_KEPT = {"type": "keyword", "index": False, "doc_values": False}
_SEARCHED_ONLY = ("entries", "names", "words", "values")
"""Not kept with the document: they are made of the body and would come along with every hit."""


class Layout:
    """How documents of one kind lie in their index.

    ``key`` and ``created`` (microseconds since the epoch) are the order of lists. ``write`` tells one write from
    another, ``layout`` by which definition the fields were made of the ``body``. The other columns are copies of
    what hot lists ask for.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    @cached_property
    def mapping(self) -> dict[str, Any]:
        """What an index of this layout answers when it is asked for its mapping, but for ``_meta``."""
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
        """A digest of everything that decides which fields a document gets."""
        kind = self.kind
        fields = [(path, field.index.value, field.server, field.hidden) for path, field in kind.paths.items()]
        return _digest([kind.name, fields, kind.levels, kind.hot_paths, kind.excluded, searched.REVISION])

    @cached_property
    def meta(self) -> dict[str, Any]:
        """By what an index says whose it is and which layout it has."""
        return {
            "kind": self.kind.name,
            "release": RELEASE,
            "mapping": _digest(self.mapping),
            "definition": self.definition,
        }

    def settings(self, replicas: int) -> dict[str, Any]:
        """Settings of a new index. Sorted by creation, so that a page costs as much as a page has documents."""
        return {
            "number_of_shards": 1,
            "number_of_replicas": replicas,
            "refresh_interval": REFRESH_INTERVAL,
            # An index template may name others; what they add or change is refused by the mapping.
            "default_pipeline": "_none",
            "final_pipeline": "_none",
            "sort.field": ["created", "key"],
            "sort.order": ["asc", "asc"],
        }

    def fields(self, document: Document, max_values: int = searched.MAX_VALUES) -> dict[str, Any]:
        """The fields that are made of the document alone; see :func:`search_index` for ``max_values``."""
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
