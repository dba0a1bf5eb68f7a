# SPDX-License-Identifier: Apache-2.0
"""Replace an index whose mapping cannot be changed, while the service reads and writes.

Documents are copied in the order of their sequence numbers, repeatedly until few are left. Then the index refuses
writes, which the service retries, until the rest is copied and the alias is moved. Documents that were deleted
meanwhile are found by comparing counts over ever shorter spans of the creation time.

The process that creates the new index performs the copy. Other processes wait, and take over if its heartbeat in
the index's ``_meta`` stops advancing. They create their own copy, under a new name, and only then remove the first
one. They remove its alias of unfinished copies first, because a copy without that alias cannot be finished.
"""

import time
from collections.abc import Iterator
from typing import Any

from freezer_api.documents.search_index import MAX_VALUES
from freezer_api.errors import CommandError, StoreFailed
from freezer_api.repository.admin import Advance
from freezer_api.repository.elastic import bulk
from freezer_api.repository.elastic.layout import Layout, alias_of, copying_alias_of, write_alias_of
from freezer_api.repository.elastic.transport import Connection

HEARTBEAT_TIMEOUT = 10.0
"""Seconds without a heartbeat after which other processes take over."""

_HEARTBEAT_INTERVAL = 1.0

MAX_BLOCKED_DOCUMENTS = 1000
"""Maximum number of documents that are copied while writes are refused."""


class Copy:
    """A copy of the index ``source`` into the index ``target``, which this process has created."""

    def __init__(
        self,
        connection: Connection,
        prefix: str,
        layout: Layout,
        source: str,
        target: str,
        max_values: int = MAX_VALUES,
    ) -> None:
        self._connection = connection
        self._layout = layout
        self._alias = alias_of(prefix, layout.kind)
        self._source = source
        self._target = target
        self._max_values = max_values
        self._done = -1
        self._beats = 0
        self._last_heartbeat = time.monotonic()

    def run(self, advance: Advance = lambda _count: None) -> None:
        """Copy the documents, and move the alias to the copy. After an error the source accepts writes again."""
        while self._checkpoint() - self._done > MAX_BLOCKED_DOCUMENTS:
            self._copy_up_to(self._checkpoint(), advance)
        self._change("GET", f"/{self._target}/_mapping")
        try:
            self._change("PUT", f"/{self._source}/_block/write")
            self._copy_up_to(self._checkpoint(), advance)
            self._remove_deleted()
            self._swap()
        except BaseException:
            # Another process that has taken over, and has removed the copy, needs its own block.
            if self._connection.call("GET", f"/{self._target}/_mapping").status == 200:
                unblock(self._connection, self._source)
            raise

    def _change(self, method: str, target: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._connection.call(method, target, body)
        if answer.status >= 300:
            raise self._taken_over()
        return answer.body

    def _taken_over(self) -> CommandError:
        return CommandError(f"the copy of {self._source} was abandoned: another process has taken over")

    def _checkpoint(self) -> int:
        """Return the sequence number up to which all shard copies have all changes."""
        stats = self._change("GET", f"/{self._source}/_stats?level=shards")
        (shard,) = stats["indices"][self._source]["shards"].values()
        (primary,) = (copy for copy in shard if copy["routing"]["primary"])
        checkpoint: int = primary["seq_no"]["global_checkpoint"]
        return checkpoint

    def _copy_up_to(self, checkpoint: int, advance: Advance) -> None:
        self._change("POST", f"/{self._source}/_refresh")
        body = {
            "query": {"range": {"_seq_no": {"gt": self._done, "lte": checkpoint}}},
            "sort": [{"_seq_no": "asc"}],
        }
        for hits in bulk.pages(self._connection, self._source, body):
            bulk.write(self._connection, map(self._line, hits))
            advance(len(hits))
        self._done = checkpoint

    def _line(self, hit: dict[str, Any]) -> bulk.Line:
        self._write_heartbeat()
        return {"index": self._place(hit["_id"])}, bulk.rebuilt_source(self._layout, hit, self._max_values)

    def _place(self, key: str) -> dict[str, Any]:
        return {"_index": write_alias_of(self._target), "_id": key, "require_alias": True}

    def _write_heartbeat(self) -> None:
        if time.monotonic() - self._last_heartbeat > _HEARTBEAT_INTERVAL:
            self._beats += 1
            self._change("PUT", f"/{self._target}/_mapping", {"_meta": meta(self._layout, self._beats)})
            self._last_heartbeat = time.monotonic()

    def _remove_deleted(self) -> None:
        self._change("POST", f"/{self._source},{self._target}/_refresh")
        ends = [self._boundary(order) for order in ("asc", "desc")]
        if ends[0] is not None and ends[1] is not None:
            gone = self._deleted_keys(ends[0], ends[1])
            bulk.write(self._connection, (({"delete": self._place(key)}, None) for key in gone))
            self._change("POST", f"/{self._target}/_refresh")
        if self._count(self._source) != self._count(self._target):
            raise StoreFailed

    def _boundary(self, order: str) -> int | None:
        body = {"size": 1, "sort": [{"created": order}], "_source": False}
        hits = self._change("POST", f"/{self._target}/_search", body)["hits"]["hits"]
        return hits[0]["sort"][0] if hits else None

    def _deleted_keys(self, first: int, last: int) -> Iterator[str]:
        """Yield the keys of documents that were created in this span and exist only in the copy."""
        span = {"range": {"created": {"gte": first, "lte": last}}}
        copied = self._count(self._target, span)
        if copied == self._count(self._source, span):
            return
        if copied <= MAX_BLOCKED_DOCUMENTS or first == last:
            yield from sorted(self._keys(self._target, span) - self._keys(self._source, span))
            return
        middle = (first + last) // 2
        yield from self._deleted_keys(first, middle)
        yield from self._deleted_keys(middle + 1, last)

    def _count(self, index: str, query: dict[str, Any] | None = None) -> int:
        self._write_heartbeat()
        count: int = self._change("POST", f"/{index}/_count", {"query": query or {"match_all": {}}})["count"]
        return count

    def _keys(self, index: str, query: dict[str, Any]) -> set[str]:
        body = {"query": query, "sort": [{"created": "asc"}, {"key": "asc"}], "_source": False, "size": 10_000}
        return {hit["_id"] for hits in bulk.pages(self._connection, index, body) for hit in hits}

    def _swap(self) -> None:
        actions = [
            _remove_copying_alias(self._target),
            {"remove_index": {"index": self._source}},
            {"add": {"index": self._target, "alias": self._alias}},
        ]
        answer = self._connection.call("POST", "/_aliases", {"actions": actions})
        # An earlier attempt may have succeeded although its response was lost.
        if answer.status >= 300 and not (
            answer.repeated and _has_alias(self._connection, self._target, self._alias)
        ):
            raise self._taken_over()
        self._change("PUT", f"/{self._target}/_mapping", {"_meta": meta(self._layout)})


def unblock(connection: Connection, index: str) -> None:
    """Let the index accept writes, if it exists. A process that was killed during a copy leaves it blocked."""
    connection.call("PUT", f"/{index}/_settings", {"index.blocks.write": False})


def remove_copy(connection: Connection, index: str, alias: str) -> bool:
    """Remove an unfinished copy. Return False if it was finished in the meantime and has the alias of the kind."""
    answer = connection.call("POST", "/_aliases", {"actions": [_remove_copying_alias(index)]})
    # A copy without this alias is either finished or can never be finished.
    if answer.status >= 300 and _has_alias(connection, index, alias):
        return False
    connection.call("DELETE", f"/{index}")
    return True


def _has_alias(connection: Connection, index: str, alias: str) -> bool:
    answer = connection.call("GET", f"/{index}/_alias")
    return answer.status == 200 and alias in answer.body[index]["aliases"]


def _remove_copying_alias(index: str) -> dict[str, Any]:
    return {"remove": {"index": index, "alias": copying_alias_of(index), "must_exist": True}}


def meta(layout: Layout, beats: int | None = None) -> dict[str, Any]:
    """Return the ``_meta`` of an index, with ``beats`` if it is an unfinished copy."""
    return {"freezer": layout.meta} if beats is None else {"freezer": layout.meta, "beats": beats}


def is_in_progress(connection: Connection, index: str) -> bool:
    """Wait, and return whether another process is copying, or has finished or removed the copy."""
    seen = _beats(connection, index)
    end = time.monotonic() + HEARTBEAT_TIMEOUT
    while seen is not None and time.monotonic() < end:
        time.sleep(0.2)
        if _beats(connection, index) != seen:
            return True
    return seen is None


def _beats(connection: Connection, index: str) -> Any:
    answer = connection.call("GET", f"/{index}/_mapping")
    return answer.body[index]["mappings"]["_meta"].get("beats") if answer.status == 200 else None
