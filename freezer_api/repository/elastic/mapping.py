"""The index of a kind: its mapping and settings, and how a document becomes one of its documents.

Read off the definitions. Every field is ours and explicit; the body is a text that the engine does not parse, so
no document is ever refused for its keys or values and the mapping never grows.
"""

import hashlib
from functools import cached_property
from typing import Any

import orjson

from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind
from freezer_api.documents.kinds import KINDS
from freezer_api.documents.search_index import as_epoch, search_index, value_at
from freezer_api.documents.text import encode
from freezer_api.repository.elastic import terms

REFRESH_INTERVAL = "25ms"
"""How long a write waits at most until searches see it; see doc/adr."""

_KEYWORD = {"type": "keyword"}
_SEARCHED_ONLY = ("entries", "names", "words", "values")
"""Not kept with the document: they are made of the body and would come along with every hit."""


class KindIndex:
    """The index of one kind."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.column_of = {path: path.rsplit(".", 1)[-1] for path in kind.hot_paths}
        self.excluded = next((hot.excluded for hot in kind.hot if hot.excluded), None)

    @cached_property
    def mapping(self) -> dict[str, Any]:
        """The mapping, with a digest of itself by which an index says which one it has."""
        properties: dict[str, Any] = {
            "key": _KEYWORD,
            "created": {"type": "long"},
            "version": {"type": "long", "index": False, "doc_values": False},
            "write": {"type": "keyword", "index": False, "doc_values": False},
            "body": {"type": "object", "enabled": False},
            **dict.fromkeys((*self.column_of.values(), *_SEARCHED_ONLY), _KEYWORD),
        }
        if self.excluded:
            properties["pending"] = {"type": "boolean"}
        if self.kind.epoch_path:
            properties["epoch"] = {"type": "long"}
        mapping: dict[str, Any] = {
            "dynamic": "strict",
            "_source": {"excludes": list(_SEARCHED_ONLY)},
            "properties": properties,
        }
        text = orjson.dumps(mapping, option=orjson.OPT_SORT_KEYS)
        return {**mapping, "_meta": {"freezer_mapping": hashlib.sha256(text).hexdigest()[:16]}}

    def settings(self, replicas: int) -> dict[str, Any]:
        """Settings of a new index. Sorted by creation, so that a page costs as much as a page has documents."""
        return {
            "number_of_shards": 1,
            "number_of_replicas": replicas,
            "refresh_interval": REFRESH_INTERVAL,
            "sort.field": ["created", "key"],
            "sort.order": ["asc", "asc"],
        }

    def source(self, document: Document) -> dict[str, Any]:
        """The fields that depend on the document alone."""
        source: dict[str, Any] = terms.fields(search_index(self.kind, document))
        for path, name in self.column_of.items():
            value = value_at(document, path)
            if isinstance(value, str):
                source[name] = value
        if self.excluded:
            path, excluded = self.excluded
            source["pending"] = value_at(document, path) != excluded
        if self.kind.epoch_path:
            source["epoch"] = as_epoch(value_at(document, self.kind.epoch_path))
        source["body"] = encode(document)
        return source


INDICES = {kind.name: KindIndex(kind) for kind in KINDS}
