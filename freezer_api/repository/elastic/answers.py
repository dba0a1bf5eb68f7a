"""Tell answers of Elasticsearch or OpenSearch from those of a proxy or another server at the same address.

Both engines answer every request with JSON of a known shape. The header ``X-elastic-product`` exists on
Elasticsearch only, so the body decides.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

Body = dict[str, Any]
Check = Callable[[Body, list[str]], bool]
"""Takes the body and the segments of the path of the request."""


_PLACE = ("_seq_no", "_primary_term")


def _has(**fields: type) -> Check:
    return lambda body, _path: all(isinstance(body.get(name), kind) for name, kind in fields.items())


def _document(body: Body, path: list[str]) -> bool:
    """Of the document in the path: read, written, deleted or missing."""
    if not isinstance(body.get("_index"), str) or body.get("_id") != unquote(path[-1]):
        return False
    if body.get("found") is False or body.get("result") == "not_found":
        return True
    answered = body.get("_source") if body.get("found") is True else body.get("result")
    return isinstance(answered, dict | str) and all(isinstance(body.get(name), int) for name in _PLACE)


def _hits(body: Body, _path: list[str]) -> bool:
    hits = body.get("hits")
    return isinstance(hits, dict) and isinstance(hits.get("hits"), list) and isinstance(body.get("_shards"), dict)


def _items(body: Body, _path: list[str]) -> bool:
    items = body.get("items")
    return isinstance(body.get("errors"), bool) and isinstance(items, list) and all(map(_is_item, items))


def _is_item(item: Any) -> bool:
    results = list(item.values()) if isinstance(item, dict) else []
    return len(results) == 1 and isinstance(results[0], dict) and isinstance(results[0].get("status"), int)


def _indices(*parts: str) -> Check:
    """Of indices by their names, each with these parts."""

    def _check(body: Body, _path: list[str]) -> bool:
        return all(
            isinstance(index, dict) and all(isinstance(index.get(part), dict) for part in parts)
            for index in body.values()
        )

    return _check


_ACKNOWLEDGED = _has(acknowledged=bool)
_ANYTHING = _has()

_SHAPES: dict[str, Check] = {
    "_create": _document,
    "_doc": _document,
    "_search": _hits,
    "_bulk": _items,
    "_count": _has(count=int, _shards=dict),
    "_refresh": _has(_shards=dict),
    "_stats": _has(indices=dict, _shards=dict),
    "_cluster": _has(cluster_name=str, number_of_data_nodes=int),
    "_nodes": _has(cluster_name=str, nodes=dict),
}
_SHOWN: dict[str, Check] = {
    "_alias": _indices("aliases"),
    "_mapping": _indices("mappings"),
    "": _indices("aliases", "mappings", "settings"),
}
"""Of GET; any other request about indices is acknowledged. The keys of both tables are the segment of the path
that begins with an underscore, or nothing.
"""


def is_own(method: str, target: str, status: int, body: Body) -> bool:
    """Return whether the store gave this answer to this request."""
    path, _, query = target.partition("?")
    segments = path.split("/")
    name = next((segment for segment in segments if segment.startswith("_")), "")
    shape = _SHAPES.get(name) or (_SHOWN.get(name, _ANYTHING) if method == "GET" else _ACKNOWLEDGED)
    if status < 300 or (status == 404 and shape is _document and "error" not in body):
        if not body:
            # Nothing has such a name; no other answer is empty.
            return method == "GET" and not name and "allow_no_indices=true" in query
        return shape(body, segments)
    error = body.get("error")
    return isinstance(error, dict) and isinstance(error.get("type"), str) and body.get("status") == status
