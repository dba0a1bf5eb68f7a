"""The repository on Elasticsearch and OpenSearch.

The token is the engine's: sequence number and primary term of the document's last change. Every write waits until
searches see it, so that lists need no refresh of their own.
"""

import logging
import time
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind
from freezer_api.documents.text import decode
from freezer_api.errors import AlreadyExists, Conflict, Unavailable
from freezer_api.repository import query as q
from freezer_api.repository.elastic.mapping import INDICES
from freezer_api.repository.elastic.search import body_of, position_of
from freezer_api.repository.elastic.transport import Answer, Connection
from freezer_api.repository.elastic.upkeep import check_current
from freezer_api.repository.protocol import Page, Stored

LOG = logging.getLogger(__name__)

WINDOW = 10_000
"""The engine's bound of ``from`` and ``size`` together."""

_LONGEST_ID = 512
"""Bytes; the engine's bound of an ``_id``."""

_SEEN = "refresh=wait_for&require_alias=true"


class ElasticRepository:
    """Documents in the indices of ``mapping`` behind the aliases ``<prefix>-<kind>``.

    ``clock`` gives microseconds since the epoch, ``new_id`` something that nobody has.
    """

    def __init__(
        self,
        connection: Connection,
        prefix: str,
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._connection = connection
        self._prefix = prefix
        self._clock = clock
        self._new_id = new_id

    def _alias(self, kind: Kind) -> str:
        return f"/{self._prefix}-{kind.name}"

    def create(self, kind: Kind, key: str, document: Document) -> Stored:
        source = self._source(kind, key, document, created=self._clock(), version=1)
        answer = self._call("PUT", f"{self._alias(kind)}/_create/{_quoted(key)}?{_SEEN}", source)
        if answer.status == 409:
            stored = self._own_write(kind, key, source) if answer.repeated else None
            if stored is None:
                raise AlreadyExists(f"{kind.title} already registered with ID {key}")
            return stored
        return Stored(key, document, 1, _token(answer.body, source))

    def replace(self, kind: Kind, key: str, document: Document, token: str) -> Stored:
        seq_no, term, created, version = token.split(".")
        source = self._source(kind, key, document, created=int(created), version=int(version) + 1)
        target = f"{self._alias(kind)}/_doc/{_quoted(key)}?{_SEEN}&if_seq_no={seq_no}&if_primary_term={term}"
        answer = self._call("PUT", target, source)
        if answer.status == 409:
            stored = self._own_write(kind, key, source) if answer.repeated else None
            if stored is None:
                raise Conflict(f"{kind.title} with ID {key} was changed by another request")
            return stored
        return Stored(key, document, source["version"], _token(answer.body, source))

    def delete(self, kind: Kind, key: str, token: str) -> None:
        seq_no, term, *_ = token.split(".")
        target = (
            f"{self._alias(kind)}/_doc/{_quoted(key)}?refresh=wait_for&if_seq_no={seq_no}&if_primary_term={term}"
        )
        answer = self._call("DELETE", target)
        if answer.status == 409 and not (answer.repeated and self.get(kind, key) is None):
            raise Conflict(f"{kind.title} with ID {key} was changed by another request")

    def _source(self, kind: Kind, key: str, document: Document, *, created: int, version: int) -> dict[str, Any]:
        # ``write`` tells a write that was carried out, though its answer was lost, from somebody else's.
        source = INDICES[kind.name].source(document)
        return {**source, "key": key, "created": created, "version": version, "write": self._new_id()}

    def _own_write(self, kind: Kind, key: str, source: dict[str, Any]) -> Stored | None:
        """What this very write left when an earlier attempt at it was carried out; None when it was not."""
        found = self._found(kind, key)
        if found is None or found["_source"]["write"] != source["write"]:
            return None
        return _stored(found)

    def get(self, kind: Kind, key: str) -> Stored | None:
        found = self._found(kind, key)
        return None if found is None else _stored(found)

    def _found(self, kind: Kind, key: str) -> dict[str, Any] | None:
        if not _is_possible(key):
            return None
        answer = self._call("GET", f"{self._alias(kind)}/_doc/{_quoted(key)}")
        return answer.body if answer.status == 200 else None

    def search(self, kind: Kind, query: q.Query) -> Page:
        ranked = query.exact_first is not None
        body = self._within_window(kind, query, body_of(INDICES[kind.name], query))
        result = self._searched(kind, body)
        hits = result["hits"]["hits"] if body["size"] else []
        shown = [_stored(hit) for hit in hits[: query.limit]]
        position = position_of(hits[query.limit - 1], ranked=ranked) if len(hits) > query.limit else None
        return Page(shown, position, result["hits"]["total"]["value"] if query.with_total else None)

    def _within_window(self, kind: Kind, query: q.Query, body: dict[str, Any]) -> dict[str, Any]:
        """The search with what lies beyond the engine's window skipped by positions instead of an offset."""
        if query.offset + query.limit + 1 <= WINDOW:
            return body
        walk = {**body, "_source": False, "seq_no_primary_term": False, "track_total_hits": False}
        del walk["from"]
        left = query.offset
        while left:
            walk["size"] = min(left, WINDOW)
            hits = self._searched(kind, walk)["hits"]["hits"]
            if len(hits) < walk["size"]:
                return {"query": body["query"], "size": 0, "track_total_hits": body["track_total_hits"]}
            walk["search_after"] = hits[-1]["sort"]
            left -= len(hits)
        del body["from"]
        return {**body, "search_after": walk["search_after"]}

    def _searched(self, kind: Kind, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._call("POST", f"{self._alias(kind)}/_search?allow_partial_search_results=false", body)
        result: dict[str, Any] = answer.body
        if result["timed_out"]:
            raise Unavailable
        return result

    def _call(self, method: str, target: str, body: dict[str, Any] | None = None) -> Answer:
        answer = self._connection.call(method, target, body)
        if answer.status == 404 and "error" in answer.body:
            LOG.error("The store has no index for %s: run 'freezer-manage db sync'", target.split("/")[1])
            raise Unavailable
        return answer

    def check(self) -> None:
        check_current(self._connection, self._prefix)

    def close(self) -> None:
        self._connection.close()


def _stored(found: dict[str, Any]) -> Stored:
    source = found["_source"]
    return Stored(source["key"], decode(source["body"]), source["version"], _token(found, source))


def _token(place: dict[str, Any], source: dict[str, Any]) -> str:
    """The engine's token, and what a replacement has to know of the document that it replaces."""
    return f"{place['_seq_no']}.{place['_primary_term']}.{source['created']}.{source['version']}"


def _quoted(key: str) -> str:
    return quote(key, safe="")


def _is_possible(key: str) -> bool:
    """Whether there can be a document of this key: the engine refuses others instead of finding none."""
    try:
        return 0 < len(key.encode("utf-8")) <= _LONGEST_ID
    except UnicodeEncodeError:
        return False
