# SPDX-License-Identifier: Apache-2.0
"""Distinguish responses of Elasticsearch or OpenSearch from those of a proxy or another server.

Both engines answer every request with JSON of a known shape. The body is checked, because only Elasticsearch sends
the header ``X-elastic-product``.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

Shape = Mapping[str, type]

_SHAPES: Mapping[str, Shape] = {
    "_search": {"hits": dict, "_shards": dict},
    "_bulk": {"errors": bool, "items": list},
    "_count": {"count": int, "_shards": dict},
    "_refresh": {"_shards": dict},
    "_stats": {"indices": dict, "_shards": dict},
    "_nodes": {"cluster_name": str, "nodes": dict},
}
"""The expected shape of a response, by the segment of the path that begins with an underscore."""

_INDEX_SHAPES: Mapping[str, Shape] = {
    "_alias": {"aliases": dict},
    "_mapping": {"mappings": dict},
    "": {"aliases": dict, "mappings": dict, "settings": dict},
}
"""The shape of each index in the response to a GET."""

_ACKNOWLEDGED: Shape = {"acknowledged": bool}
"""The shape of the responses to all other requests; these requests change indices or aliases."""


def is_own(method: str, target: str, status: int, body: dict[str, Any]) -> bool:
    """Return whether the store sent this response to this request."""
    path, _, query = target.partition("?")
    *_, last = segments = path.split("/")
    endpoint = next((segment for segment in segments if segment.startswith("_")), "")
    if endpoint in ("_doc", "_create") and (status < 300 or (status == 404 and "error" not in body)):
        return body.get("_id") == unquote(last) and _is_document(body)
    if status >= 300:
        return body.get("status") == status and _has(body.get("error"), {"type": str})
    if method == "GET" and endpoint in _INDEX_SHAPES:
        # The response to a request for indices is empty if none exists. No other response is empty.
        is_complete = bool(body) or (not endpoint and "allow_no_indices=true" in query)
        return is_complete and all(_has(index, _INDEX_SHAPES[endpoint]) for index in body.values())
    if not _has(body, _SHAPES.get(endpoint, _ACKNOWLEDGED)):
        return False
    if endpoint == "_search":
        return _has(body["hits"], {"hits": list})
    return endpoint != "_bulk" or all(map(_is_item, body["items"]))


def _has(value: Any, shape: Shape) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(name), kind) for name, kind in shape.items())


def _is_document(body: dict[str, Any]) -> bool:
    """Return whether the body describes a document that was read, written, deleted or missing."""
    if body.get("found") is False or body.get("result") == "not_found":
        return isinstance(body.get("_index"), str)
    answered = body.get("_source") if body.get("found") is True else body.get("result")
    return isinstance(answered, dict | str) and _has(body, {"_index": str, "_seq_no": int, "_primary_term": int})


def _is_item(item: Any) -> bool:
    return (
        isinstance(item, dict)
        and len(item) == 1
        and all(_has(result, {"status": int}) for result in item.values())
    )
