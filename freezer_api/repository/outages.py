# SPDX-License-Identifier: Apache-2.0
"""Limit the time that a request waits for its store, and detect outages.

Once a call got no response, calls to that place of the store are refused at once, except for one probe at a time,
which takes at most a second. The first response ends the outage. So a store that hangs blocks neither the threads
of a worker nor the requests that queue for them.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from freezer_api.errors import Unavailable

LOG = logging.getLogger(__name__)

EVERYWHERE = ""
"""The place of an outage that affects the whole store."""

READING, WRITING, CHECKING = "reading", "writing", "the health check"
"""Places of outages in a SQL store, which may refuse writes but answer reads."""

PROBE_TIMEOUT = 1.0
"""Seconds that a call may take during an outage."""

PROBE_WAIT_TIMEOUT = 0.1
"""Seconds that other calls wait for the end of a probe. A successful probe takes less."""

_SLOW = 1.0
"""Seconds after which a call is slow; a quarter of its limit, if that is less."""

_FAST = 0.5
"""Seconds within which a failed call is treated as refused, not as unanswered."""


@dataclass
class _Request:
    """``waited``: seconds that it waited for a thread. ``end``: of its slow calls, None until a call was slow."""

    waited: float
    end: float | None = None


_REQUEST: ContextVar[_Request | None] = ContextVar("request", default=None)


@contextmanager
def one_request(waited: float = 0.0) -> Iterator[None]:
    """Let the calls of this thread to the store share one deadline as soon as one of them is slow.

    A quick call resets it, because a request may make thousands of them. If the request ``waited`` seconds for a
    thread, the limit of each call is reduced by as much, at most by half. So the client gets its response in time,
    and the outage is detected earlier for the requests that are queued.
    """
    token = _REQUEST.set(_Request(waited))
    try:
        yield
    finally:
        _REQUEST.reset(token)


class Call:
    """A call that ends ``seconds`` after ``begun`` at the latest. ``is_probe``: it happens during an outage."""

    def __init__(self, outages: "Outages", place: str, *, begun: float, seconds: float, is_probe: bool) -> None:
        self.begun = begun
        self.end = begun + seconds
        self._outages = outages
        self._place = place
        self.is_probe = is_probe

    @property
    def is_hopeless(self) -> bool:
        """Whether an outage has begun meanwhile, so that only the probe may try again."""
        return not self.is_probe and self._outages.has(self._place)

    def answered(self) -> None:
        """Record a response of the store, which ends an outage."""
        self._outages.answered(self._place)

    def unanswered(self, reason: str, *, everywhere: bool = False) -> None:
        """Record a missing response. It begins an outage, here or ``everywhere``, unless others were answered."""
        self._outages.unanswered(EVERYWHERE if everywhere else self._place, self.begun, reason)


class Outages:
    """The outages of one store, shared by threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._places: set[str] = set()
        self._answered: dict[str, float] = {}
        self._lock = threading.Lock()
        self._probing = threading.Lock()

    def has(self, place: str) -> bool:
        """Return whether an outage affects the place."""
        return bool(self._places) and (place in self._places or EVERYWHERE in self._places)

    @contextmanager
    def call(self, place: str, seconds: float) -> Iterator[Call]:
        """Bound a call to ``seconds``. Raises ``Unavailable`` if, during an outage, another call is the probe."""
        if not self.has(place):
            with self._bounded(place, seconds, is_probe=False) as call:
                yield call
            return
        request = _REQUEST.get()
        # A request that has already waited for a thread must not wait again.
        waited = 0.0 if request is None else request.waited
        if not self._probing.acquire(timeout=max(0.0, PROBE_WAIT_TIMEOUT - waited)):
            raise Unavailable
        try:
            # The previous probe may have ended the outage.
            is_probe = self.has(place)
            with self._bounded(
                place, min(seconds, PROBE_TIMEOUT) if is_probe else seconds, is_probe=is_probe
            ) as call:
                yield call
        finally:
            self._probing.release()

    @contextmanager
    def _bounded(self, place: str, seconds: float, *, is_probe: bool) -> Iterator[Call]:
        request, begun = _REQUEST.get(), self._clock()
        allowed = seconds if request is None else max(seconds / 2, seconds - request.waited)
        if request is not None and request.end is not None:
            allowed = min(allowed, request.end - begun)
            if allowed < min(_SLOW, seconds / 4):
                # The call was too short to detect an outage.
                raise Unavailable
        try:
            yield Call(self, place, begun=begun, seconds=allowed, is_probe=is_probe)
        finally:
            if request is not None:
                is_slow = self._clock() - begun > min(_SLOW, seconds / 4)
                request.end = (request.end or begun + seconds) if is_slow else None

    def answered(self, place: str) -> None:
        """Record a response at the place."""
        with self._lock:
            self._answered[place] = self._answered[EVERYWHERE] = self._clock()
            ended = self._places & {place, EVERYWHERE}
            self._places -= ended
        if ended:
            LOG.warning("The store answers again (%s)", place or "everything")

    def unanswered(self, place: str, begun: float, reason: str) -> None:
        """Record that a call since ``begun`` got no response. An outage is logged once, when it begins."""
        seconds = self._clock() - begun
        if seconds > _FAST and self._clock() - self._answered.get(place, 0.0) < 0.75 * seconds:
            LOG.error("The store did not answer a request within %.1f s, but answered others: %s", seconds, reason)
            return
        with self._lock:
            if not self.has(place):
                LOG.error(
                    "The store is not available (%s), after %.1f s: %s", place or "everything", seconds, reason
                )
            self._places.add(place)
