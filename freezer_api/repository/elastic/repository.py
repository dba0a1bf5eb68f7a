# SPDX-License-Identifier: Apache-2.0
"""The repository on Elasticsearch and OpenSearch.

Reads and new documents use the alias of the kind. A change uses the alias of the one index from which the document
was read, so a token of an index that was replaced by its copy is never applied to the copy. Every write waits for
a refresh, so searches need none.
"""

import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from freezer_api.documents.clients import CLIENTS
from freezer_api.documents.fields import Document
from freezer_api.documents.json_codec import decode
from freezer_api.documents.kind import Kind
from freezer_api.documents.search_index import MAX_VALUES
from freezer_api.errors import AlreadyExists, Conflict, FreezerError, SearchTooLong, StoreFailed, Unavailable
from freezer_api.repository import query as q
from freezer_api.repository.elastic import bulk
from freezer_api.repository.elastic.indices import check_current
from freezer_api.repository.elastic.layout import LAYOUTS, alias_of, write_alias_of
from freezer_api.repository.elastic.search import body_of, position_of
from freezer_api.repository.elastic.transport import BLOCKED, CLOSED, TOO_LARGE_STATUS, Answer, Connection
from freezer_api.repository.protocol import Original, Page, Stored
from freezer_api.repository.texts import is_text

LOG = logging.getLogger(__name__)

MAX_RESULT_WINDOW = 10_000
"""The engine's limit for the sum of ``from`` and ``size``."""

MAX_TERMS = 65_536
"""The engine's limit of values in one ``terms`` clause."""

_MAX_ID_BYTES = 512
"""The engine's limit of an ``_id``, in bytes."""

_NEWEST = {"size": 1, "sort": [{"created": "desc"}], "_source": False, "track_total_hits": False}
"""The search for the newest document."""

_MAX_READ_ATTEMPTS = 4
"""Maximum attempts of a read, because a copy may be replacing the index."""

_MAX_RESTORE_ATTEMPTS = 7
"""Maximum attempts to restore documents to a busy store. The pauses between them are six seconds in total."""


class _Token(NamedTuple):
    """The engine's token, and the properties of the document that a replacement keeps."""

    seq_no: int
    primary_term: int
    created: int
    version: int
    place: str

    def __str__(self) -> str:
        return "/".join(map(str, self))

    @staticmethod
    def parse(text: str) -> "_Token":
        seq_no, primary_term, created, version, place = text.split("/")
        return _Token(int(seq_no), int(primary_term), int(created), int(version), place)

    @property
    def condition(self) -> str:
        """The parameters with which the store makes a change only if the token is current."""
        return f"if_seq_no={self.seq_no}&if_primary_term={self.primary_term}"


class _TimeLimit:
    """The time limit of all calls of one search, None for no limit. One call may take ``most`` seconds."""

    def __init__(self, seconds: float | None, most: float) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds
        self._max_seconds = most
        options = "[api] max_search_time"
        if seconds is None or seconds > most:
            seconds, options = most, f"{options} and the store's deadline"
        self.reached = SearchTooLong(seconds, options)

    def timeout(self) -> dict[str, Any]:
        """Return the time limit of the next call for its body. Raises ``SearchTooLong`` if no time is left."""
        if self._end is None:
            return {}
        left = min(self._max_seconds, self._end - time.monotonic())
        if left < 0.001:
            raise self.reached
        return {"timeout": f"{int(left * 1000)}ms"}


class ElasticRepository:
    """Documents in indices, by the aliases ``<prefix>-<kind>``. ``max_values`` of each document are searchable."""

    def __init__(self, connection: Connection, prefix: str, max_values: int = MAX_VALUES) -> None:
        self._max_values = max_values
        self._connection = connection
        self._probe_connection = connection.for_probes()
        self._prefix = prefix
        self._clock: Callable[[], int] = lambda: time.time_ns() // 1000
        self._new_id: Callable[[], str] = lambda: uuid.uuid4().hex
        self._pause = time.sleep
        self._seen = f"refresh=wait_for&timeout={connection.write_timeout}"
        # Without require_alias the store would create a missing index, except for a deletion.
        self._seen_in_alias = f"{self._seen}&require_alias=true"

    def create(self, kind: Kind, key: str, document: Document) -> Stored:
        source = self._source(kind, key, document, created=self._next_creation_time(kind), version=1)
        answer = self._write(
            "PUT", f"/{alias_of(self._prefix, kind)}/_create/{_quoted(key)}?{self._seen_in_alias}", source
        )
        if answer.status == 409:
            stored = self._find_own_write(kind, key, source) if answer.repeated else None
            if stored is None:
                # The document exists, but the write that created it may still be waiting for a refresh.
                self._refresh(kind)
                raise AlreadyExists(f"{kind.title} already registered with ID {key}")
            return stored
        if answer.status == 404:
            raise self._no_index(kind)
        return Stored(key, document, 1, _token(answer.body, source), source["created"])

    def create_all(self, kind: Kind, documents: Mapping[str, Document]) -> dict[str, Stored]:
        now = self._next_creation_time(kind)
        sources = [
            self._source(kind, key, document, created=now + number, version=1)
            for number, (key, document) in enumerate(documents.items())
        ]
        created: dict[str, Stored] = {}
        for source, outcome in zip(sources, self._create_in_bulk(kind, sources), strict=True):
            if _is_temporary(outcome):
                raise self._busy(kind)
            stored = self._created_or_none(kind, source, outcome, documents[source["key"]])
            if stored is not None:
                created[stored.key] = stored
        return created

    def restore(self, kind: Kind, originals: Sequence[Original]) -> list[bool | None]:
        sources = [
            self._source(kind, key, document, created=created, version=version)
            for key, document, version, created in originals
        ]
        is_new: dict[int, bool | None] = {}
        for attempt in range(_MAX_RESTORE_ATTEMPTS):
            left = [number for number in range(len(sources)) if number not in is_new]
            outcomes = self._create_in_bulk(kind, [sources[n] for n in left])
            for number, outcome in zip(left, outcomes, strict=True):
                if outcome.status == TOO_LARGE_STATUS:
                    is_new[number] = None
                elif not _is_temporary(outcome):
                    document = originals[number].document
                    is_new[number] = self._created_or_none(kind, sources[number], outcome, document) is not None
            if len(is_new) == len(sources):
                return [is_new[number] for number in range(len(sources))]
            self._pause(0.1 * 2**attempt)
        raise self._busy(kind)

    def _busy(self, kind: Kind) -> Unavailable:
        LOG.error("The store accepts no documents for %s", alias_of(self._prefix, kind))
        return Unavailable()

    def _create_in_bulk(self, kind: Kind, sources: list[dict[str, Any]]) -> Iterator[bulk.Outcome]:
        place = {"_index": alias_of(self._prefix, kind), "require_alias": True}
        lines = (({"create": {**place, "_id": source["key"]}}, source) for source in sources)
        return bulk.outcomes(self._connection, f"/_bulk?{self._seen}", lines)

    def _created_or_none(
        self, kind: Kind, source: dict[str, Any], outcome: bulk.Outcome, document: Document
    ) -> Stored | None:
        """Return the document that a bulk request created, None if its key was taken."""
        if outcome.status == 409:
            return self._find_own_write(kind, source["key"], source) if outcome.repeated else None
        outcome.check_size()
        if outcome.status == 404:
            raise self._no_index(kind)
        if outcome.status >= 300:
            raise _refused(outcome.status, outcome.error)
        return Stored(
            source["key"], document, source["version"], _token(outcome.result, source), source["created"]
        )

    def replace(self, kind: Kind, key: str, document: Document, token: str) -> Stored:
        seen = _Token.parse(token)
        if not _is_possible(key):
            raise _conflict(kind, key)
        source = self._source(kind, key, document, created=seen.created, version=seen.version + 1)
        target = f"/{write_alias_of(seen.place)}/_doc/{_quoted(key)}?{self._seen_in_alias}&{seen.condition}"
        answer = self._write("PUT", target, source)
        if answer.status in (404, 409):
            stored = self._find_own_write(kind, key, source) if answer.repeated else None
            if stored is None:
                raise _conflict(kind, key)
            return stored
        return Stored(key, document, source["version"], _token(answer.body, source), source["created"])

    def delete(self, kind: Kind, key: str, token: str) -> None:
        seen = _Token.parse(token)
        if not _is_possible(key):
            raise _conflict(kind, key)
        target = f"/{write_alias_of(seen.place)}/_doc/{_quoted(key)}?{self._seen}&{seen.condition}"
        answer = self._write("DELETE", target)
        if answer.status in (404, 409):
            if not answer.repeated or self.get(kind, key) is not None:
                raise _conflict(kind, key)
            self._refresh(kind)

    def _next_creation_time(self, kind: Kind) -> int:
        """Return the time of a new document: later than all visible ones, whatever the clocks of the nodes are."""
        hits = self._search(kind, _NEWEST, _TimeLimit(None, self._connection.max_search_time))["hits"]
        return max(self._clock(), int(hits[0]["sort"][0]) + 1 if hits else 0)

    def _write(self, method: str, target: str, source: dict[str, Any] | None = None) -> Answer:
        """Send a write. The response is a success, 409, or 404 if the alias does not exist."""
        answer = self._connection.answer(method, target, source)
        if answer.status < 300 or answer.status in (404, 409):
            return answer
        raise _refused(answer.status, answer.error)

    def _source(self, kind: Kind, key: str, document: Document, *, created: int, version: int) -> dict[str, Any]:
        # ``write`` identifies this write if its response is lost.
        own = {"key": key, "created": created, "version": version, "write": self._new_id()}
        return LAYOUTS[kind.name].fields(document, self._max_values) | own

    def _find_own_write(self, kind: Kind, key: str, source: dict[str, Any]) -> Stored | None:
        """Return the document if an earlier attempt at this write was carried out, else None."""
        found = self._find(kind, key)
        if found is None or found["_source"]["write"] != source["write"]:
            return None
        self._refresh(kind)
        return _stored(found)

    def _refresh(self, kind: Kind) -> None:
        self._read("POST", kind, "_refresh")

    def get(self, kind: Kind, key: str) -> Stored | None:
        found = self._find(kind, key)
        return None if found is None else _stored(found)

    def _find(self, kind: Kind, key: str) -> dict[str, Any] | None:
        if not _is_possible(key):
            return None
        answer = self._read("GET", kind, f"_doc/{_quoted(key)}")
        return answer.body if answer.status == 200 else None

    def search(self, kind: Kind, query: q.Query) -> Page:
        limit = _TimeLimit(query.max_seconds, self._connection.max_search_time)
        body = body_of(LAYOUTS[kind.name], query, lambda condition: self._client_ids(condition, limit))
        wanted = query.limit + 1
        if query.offset + wanted <= MAX_RESULT_WINDOW and not (query.offset and query.after):
            result = self._search(kind, {**body, "from": query.offset, "size": wanted}, limit)
            hits = result["hits"]
        else:
            result = self._search(kind, {**body, "size": 0}, limit) if query.with_total else {}
            hits = self._search_beyond_window(
                kind, {**body, "track_total_hits": False}, query.offset, wanted, limit
            )
        shown = hits[: query.limit]
        return Page(
            [_stored(hit) for hit in shown],
            position_of(shown[-1], ranked=query.exact_first is not None) if shown else None,
            len(hits) > query.limit,
            result["total"]["value"] if query.with_total else None,
        )

    def _client_ids(self, condition: q.Condition, limit: "_TimeLimit") -> list[str]:
        """Return the ``client_id`` of every client that meets the condition; the engine cannot join indices."""
        layout = LAYOUTS[CLIENTS.name]
        name = layout.kind.columns["client.client_id"]
        body = body_of(layout, q.Query((condition,)), lambda inner: self._client_ids(inner, limit))
        pages = self._pages(CLIENTS, {**body, "_source": False, "docvalue_fields": [name]}, MAX_TERMS, limit)
        return [id_ for hits in pages for hit in hits for id_ in hit.get("fields", {}).get(name, ())]

    def _search_beyond_window(
        self, kind: Kind, body: dict[str, Any], offset: int, wanted: int, limit: "_TimeLimit"
    ) -> list[Any]:
        """Return hits beyond the engine's bound of offset and size, by positions."""
        skipped = {**body, "_source": False, "seq_no_primary_term": False}
        last = None
        for hits in self._pages(kind, skipped, offset, limit):
            last = hits[-1]["sort"]
            offset -= len(hits)
        if offset:
            return []
        begun = body if last is None else {**body, "search_after": last}
        return [hit for hits in self._pages(kind, begun, wanted, limit) for hit in hits]

    def _pages(self, kind: Kind, body: dict[str, Any], count: int, limit: "_TimeLimit") -> Iterator[list[Any]]:
        """Yield the first ``count`` hits in pages."""
        while count:
            size = min(count, MAX_RESULT_WINDOW)
            hits = self._search(kind, {**body, "size": size}, limit)["hits"]
            if hits:
                yield hits
            if len(hits) < size:
                return
            count -= size
            body = {**body, "search_after": hits[-1]["sort"]}

    def _search(self, kind: Kind, body: dict[str, Any], limit: "_TimeLimit") -> dict[str, Any]:
        bounded = {**body, **limit.timeout()}
        answer = self._read("POST", kind, "_search?allow_partial_search_results=false", bounded)
        if answer.timed_out:
            raise limit.reached
        result: dict[str, Any] = answer.body["hits"]
        return result

    def _read(self, method: str, kind: Kind, what: str, body: dict[str, Any] | None = None) -> Answer:
        target = f"/{alias_of(self._prefix, kind)}/{what}"
        for attempt in range(_MAX_READ_ATTEMPTS):
            answer = self._connection.call(method, target, body)
            if answer.status != 404 or not answer.error:
                return answer
            self._pause(0.02 * attempt)
        raise self._no_index(kind)

    def _no_index(self, kind: Kind) -> Unavailable:
        LOG.error("The store has no index %s: run 'freezer-manage db sync'", alias_of(self._prefix, kind))
        return Unavailable()

    def now(self) -> int:
        return self._clock() // 1_000_000

    def check(self) -> None:
        check_current(self._probe_connection, self._prefix)

    def close(self) -> None:
        self._connection.close()
        self._probe_connection.close()


def _refused(status: int, error: str) -> FreezerError:
    LOG.error("The store refuses a write with %s %s", status, error)
    if error == "strict_dynamic_mapping_exception":
        LOG.error("The layout of the store does not match this release: run 'freezer-manage db sync'")
        return Unavailable()
    if error == CLOSED:
        return Unavailable()
    return StoreFailed()


def _is_temporary(outcome: bulk.Outcome) -> bool:
    """Return whether a retry may help, because the store is busy or the index is being copied."""
    return outcome.status in (429, 503) or outcome.error == BLOCKED


def _conflict(kind: Kind, key: str) -> Conflict:
    return Conflict(f"{kind.title} with ID {key} was changed by another request")


def _stored(found: dict[str, Any]) -> Stored:
    source = found["_source"]
    return Stored(
        found["_id"], decode(source["body"]), source["version"], _token(found, source), source["created"]
    )


def _token(place: dict[str, Any], source: dict[str, Any]) -> str:
    return str(
        _Token(place["_seq_no"], place["_primary_term"], source["created"], source["version"], place["_index"])
    )


def _quoted(key: str) -> str:
    return quote(key, safe="")


def _is_possible(key: str) -> bool:
    """Return whether the engine accepts the key as an ``_id``."""
    return is_text(key) and 0 < len(key.encode("utf-8")) <= _MAX_ID_BYTES
