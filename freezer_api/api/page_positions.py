# SPDX-License-Identifier: Apache-2.0
"""Remember where the pages of a list ended, for clients that page by offset.

The next page continues behind the last document of the previous one. So it costs as much as the first page, and a
document that leaves the list between two pages does not move others to the previous page, where the client would
miss them.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from freezer_api.api.parameters import marker_of, position_of
from freezer_api.operations.pages import MIN_DOCUMENTS
from freezer_api.operations.scope import Scope
from freezer_api.repository.protocol import Page
from freezer_api.repository.query import Position, Query

SHARED_TTL = 30
"""Seconds for which a position is kept in memcached."""

LOCAL_TTL = 5
"""Seconds for which a position is kept in a process. If other processes answer some of the pages, an older
position may belong to an earlier round of a scheduler. Schedulers request the next page at once.
"""

MAX_POSITIONS = 10_000

_PREFIX = "freezer-page-"

_DEAD_RETRY = 30
"""Seconds until a memcached server that did not respond is used again."""

_SOCKET_TIMEOUT = 0.2
"""Timeout in seconds. Without a response the page is read by its offset, which may take less time."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that a client reads page by page. ``reader``: the host in the URL, and the token or the user.

    Two readers of the same list do not share positions, because they may have begun at different times.
    ``all_projects``: the parameter of that name, which extends the list beyond the scope.
    """

    reader: str
    kind: str
    scope: Scope
    all_projects: str | None
    query: Query

    def place(self, offset: int) -> str:
        """Return a digest that identifies the place in the list at this offset."""
        query = self.query
        listed = (self.reader, self.kind, self.scope, self.all_projects, query.conditions, query.exact_first)
        place = repr((*listed, query.limit, offset))
        return hashlib.sha256(place.encode("utf-8", "surrogatepass")).hexdigest()


class Memory(Protocol):
    """Positions by place. A position may be forgotten at any time."""

    def get(self, place: str) -> Position | None: ...

    def set(self, place: str, position: Position) -> None: ...


class PagePositions:
    """The positions at which the pages of lists ended."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def continued(self, listing: Listing) -> Query:
        """Return the query of the page, from the end of the previous one if its position is known."""
        query = listing.query
        position = self._memory.get(listing.place(query.offset)) if query.offset else None
        return query if position is None else replace(query, offset=0, after=position)

    def remember(self, listing: Listing, page: Page) -> None:
        """Remember the position at which the page ended, unless it begins at a marker.

        A full last page is also remembered, because the client then requests another page.
        """
        query = listing.query
        if page.end is not None and query.after is None and len(page.items) >= min(query.limit, MIN_DOCUMENTS):
            self._memory.set(listing.place(query.offset + len(page.items)), page.end)


class LocalMemory:
    """The memory of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._positions: OrderedDict[str, tuple[float, Position]] = OrderedDict()

    def get(self, place: str) -> Position | None:
        written, position = self._positions.get(place, (0.0, None))
        return position if self._clock() < written + LOCAL_TTL else None

    def set(self, place: str, position: Position) -> None:
        with self._lock:
            self._positions[place] = self._clock(), position
            self._positions.move_to_end(place)
            if len(self._positions) > MAX_POSITIONS:
                self._positions.popitem(last=False)


class SharedMemory:
    """The memory in memcached, for all processes. Each thread has its own connections.

    Raises ``ValueError`` for an invalid address.
    """

    def __init__(self, servers: Sequence[str]) -> None:
        import memcache

        self._client = memcache.Client(
            list(servers), dead_retry=_DEAD_RETRY, socket_timeout=_SOCKET_TIMEOUT, check_keys=False
        )

    def get(self, place: str) -> Position | None:
        try:
            text = self._client.get(_PREFIX + place)
            return position_of(text) if isinstance(text, str) else None
        except ValueError:
            # Another program's value, or a response that is not memcached's.
            return None

    def set(self, place: str, position: Position) -> None:
        self._client.set(_PREFIX + place, marker_of(position), time=SHARED_TTL)
