# SPDX-License-Identifier: Apache-2.0
"""Read and write many documents by few requests."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from freezer_api.documents.json_codec import decode
from freezer_api.errors import TOO_LARGE, StoreFailed, TooLarge, Unavailable
from freezer_api.repository.elastic.layout import Layout
from freezer_api.repository.elastic.transport import TOO_LARGE_STATUS, Connection

LOG = logging.getLogger(__name__)

BATCH_SIZE = 200
"""Number of documents in a page. Every server accepts a page of documents of 1 MiB each."""

MAX_BODY_SIZE = 5_000_000
"""Maximum bytes of the body of a bulk request."""

_KEPT = ("key", "created", "version", "write")

Line = tuple[dict[str, Any], dict[str, Any] | None]


def pages(connection: Connection, index: str, body: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Yield pages of hits of a sorted search. Raises ``StoreFailed`` if the index is missing."""
    body = {"size": BATCH_SIZE, "track_total_hits": False, **body}
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


def rebuilt_source(layout: Layout, hit: dict[str, Any], max_values: int) -> dict[str, Any]:
    """Return the source of a hit with its fields computed again from the body."""
    source = hit["_source"]
    return layout.fields(decode(source["body"]), max_values) | {name: source[name] for name in _KEPT}


class Outcome(NamedTuple):
    """The outcome of one action. ``error`` is the type of the store's error, empty if there is none.
    ``repeated``: an earlier attempt may have succeeded. ``result``: the store's response.
    """

    status: int
    error: str
    repeated: bool
    result: dict[str, Any]

    def check_size(self) -> None:
        """Raise ``TooLarge`` if the store refused the size of the document."""
        if self.status == TOO_LARGE_STATUS:
            raise TooLarge(TOO_LARGE)


def write(connection: Connection, lines: Iterable[Line]) -> None:
    """Perform the actions. Raises ``StoreFailed`` for an error other than a conflict or a missing document."""
    for outcome in outcomes(connection, "/_bulk", lines):
        outcome.check_size()
        if outcome.status >= 300 and outcome.status not in (404, 409):
            raise StoreFailed


def outcomes(connection: Connection, target: str, lines: Iterable[Line]) -> Iterator[Outcome]:
    """Perform the actions, in several requests if necessary, and yield their outcomes in order."""
    for actions in _bodies(lines):
        yield from _outcomes(connection, target, actions)


def _outcomes(connection: Connection, target: str, actions: list[bytes]) -> Iterator[Outcome]:
    try:
        answer = connection.answer("POST", target, b"".join(actions))
    except TooLarge:
        if len(actions) == 1:
            yield Outcome(TOO_LARGE_STATUS, "", False, {})
            return
        middle = len(actions) // 2
        yield from _outcomes(connection, target, actions[:middle])
        yield from _outcomes(connection, target, actions[middle:])
        return
    if answer.status != 200:
        raise StoreFailed
    items = answer.body["items"]
    if len(items) != len(actions):
        LOG.error("The store answered a bulk request of %s actions with %s results", len(actions), len(items))
        raise Unavailable
    for item in items:
        (result,) = item.values()
        yield Outcome(result["status"], result.get("error", {}).get("type", ""), answer.repeated, result)


def _bodies(lines: Iterable[Line]) -> Iterator[list[bytes]]:
    """Yield the lists of actions that fit into one request each."""
    actions: list[bytes] = []
    size = 0
    for action, source in lines:
        parts = (action,) if source is None else (action, source)
        actions.append(b"".join(orjson.dumps(part) + b"\n" for part in parts))
        size += len(actions[-1])
        if size > MAX_BODY_SIZE:
            yield actions
            actions, size = [], 0
    if actions:
        yield actions
