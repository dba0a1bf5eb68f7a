"""Many documents at once: how they are read in one order, written, and taken out."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from freezer_api.documents.text import decode
from freezer_api.errors import StoreFailed
from freezer_api.repository.elastic.layout import Layout
from freezer_api.repository.elastic.transport import Connection

_AT_ONCE = 200
"""Documents of a page: with bodies of 1 MiB each a page is still taken by every server."""

_LARGEST = 5_000_000
"""Bytes of a body of lines."""

_KEPT = ("key", "created", "version", "write")

Line = tuple[dict[str, Any], dict[str, Any] | None]


def pages(connection: Connection, index: str, body: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The hits of a sorted search, page by page. ``StoreFailed`` when the index is gone."""
    body = {"size": _AT_ONCE, "track_total_hits": False, **body}
    while True:
        answer = connection.call("POST", f"/{index}/_search?allow_partial_search_results=false", body)
        if answer.status != 200:
            raise StoreFailed
        hits = answer.body["hits"]["hits"]
        if hits:
            yield hits
        if len(hits) < body["size"]:
            return
        body = {**body, "search_after": hits[-1]["sort"]}


def made_anew(layout: Layout, hit: dict[str, Any]) -> dict[str, Any]:
    """The source of a document in this layout, all its fields made of the body."""
    source = hit["_source"]
    return layout.fields(decode(source["body"])) | {name: source[name] for name in _KEPT}


def write(connection: Connection, lines: Iterable[Line]) -> int:
    """Carry out these actions; how many were conflicts. ``StoreFailed`` when one failed otherwise."""
    conflicts, buffer = 0, bytearray()
    for action, source in lines:
        buffer += orjson.dumps(action) + b"\n"
        if source is not None:
            buffer += orjson.dumps(source) + b"\n"
        if len(buffer) > _LARGEST:
            conflicts += _sent(connection, bytes(buffer))
            buffer.clear()
    return conflicts + (_sent(connection, bytes(buffer)) if buffer else 0)


def _sent(connection: Connection, lines: bytes) -> int:
    answer = connection.bulk("/_bulk", lines)
    if answer.status != 200:
        raise StoreFailed
    statuses = [result["status"] for item in answer.body["items"] for result in item.values()]
    if any(status >= 300 and status not in (404, 409) for status in statuses):
        raise StoreFailed
    return sum(status == 409 for status in statuses)
