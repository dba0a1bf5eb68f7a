"""The share of a worker's threads that the lists of one project may use."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from freezer_api.errors import TooManyLists

MIN_THREADS = 4
"""A worker with fewer threads has no limit by default: half of them would be one list at a time."""


def max_lists(option: int | None, threads: int | None) -> int | None:
    """Return how many lists of one project a worker serves at once, None for any number.

    ``option`` is the configured number, 0 for no limit; without it half of the ``threads`` of a worker, if known.
    """
    if option is not None:
        return option or None
    return threads // 2 if threads is not None and threads >= MIN_THREADS else None


class ListLimiter:
    """Counts the lists that are being served, by project. ``most`` of one project, None for any number."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._running: Counter[str | None] = Counter()

    @contextmanager
    def acquire(self, project_id: str | None) -> Iterator[None]:
        """Count one list of the project until the context ends. ``TooManyLists`` if its share is used up."""
        with self._lock:
            if self._most is not None and self._running[project_id] >= self._most:
                raise TooManyLists(
                    f"A worker serves {self._most} lists of one project at a time, "
                    "the limit set by [api] max_concurrent_lists. Try again later"
                )
            self._running[project_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[project_id] -= 1
                if not self._running[project_id]:
                    del self._running[project_id]
