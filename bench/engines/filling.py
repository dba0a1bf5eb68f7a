# SPDX-License-Identifier: Apache-2.0
"""Fill indices by bulk requests of several processes, without refreshes."""

import os
import time
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from functools import cache
from itertools import islice
from multiprocessing import get_context
from typing import Any

from bench.engines.place import Place
from bench.fleet import Maker, Row
from freezer_api.repository.elastic import bulk
from freezer_api.repository.elastic.indices import alias_of
from freezer_api.repository.elastic.layout import LAYOUTS
from freezer_api.repository.elastic.transport import Connection

_BATCH_SIZE = 1000
"""Documents per batch."""
_MAX_WAITING = 2
"""Number of waiting batches per process: enough to keep it busy, and few in memory."""
_FAST_SETTINGS = {"refresh_interval": "-1", "translog.durability": "async"}


def fill(place: Place, maker: Maker) -> None:
    """Create the indices and store all documents of the maker; return when no merge is running."""
    place.make()
    with closing(place.connect(Connection)) as connection:
        _set(connection, place, _FAST_SETTINGS)
        _put_all(place, maker)
        # Restore the settings of the layout. The layout contains only the first of the two; null resets the other.
        ordinary = next(iter(LAYOUTS.values())).settings(0)
        _set(connection, place, {name: ordinary.get(name) for name in _FAST_SETTINGS})
        for what in ("_refresh", "_flush"):
            connection.call("POST", f"/{place.prefix}-*/{what}")
        while _merges(connection, place):
            time.sleep(0.5)


def _set(connection: Connection, place: Place, settings: dict[str, Any]) -> None:
    connection.call("PUT", f"/{place.prefix}-*/_settings", {"index": settings})


def _merges(connection: Connection, place: Place) -> int:
    """Return the number of running merges."""
    stats = connection.call("GET", f"/{place.prefix}-*/_stats/merge").body
    merges: int = stats["_all"]["primaries"]["merges"]["current"]
    return merges


def _put_all(place: Place, maker: Maker) -> None:
    processes = os.cpu_count() or 1
    under_way: deque[Future[None]] = deque()
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for kind, rows in maker.kinds():
            while batch := list(islice(rows, _BATCH_SIZE)):
                under_way.append(pool.submit(_put, place, kind.name, batch))
                if len(under_way) > _MAX_WAITING * processes:
                    under_way.popleft().result()
        for future in under_way:
            future.result()


def _put(place: Place, kind: str, rows: list[Row]) -> None:
    """Store a batch; runs in a worker process, which keeps its connection."""
    layout = LAYOUTS[kind]
    index = alias_of(place.prefix, layout.kind)
    bulk.write(_connection(place), (_line(index, row, layout.fields(row.document)) for row in rows))


def _line(index: str, row: Row, fields: dict[str, Any]) -> bulk.Line:
    own = {"key": row.key, "created": row.created, "version": 1, "write": row.key}
    return {"create": {"_index": index, "_id": row.key, "require_alias": True}}, fields | own


@cache
def _connection(place: Place) -> Connection:
    return place.connect(Connection)
