# SPDX-License-Identifier: Apache-2.0
"""Limit the concurrent lists of one project in a worker."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from freezer_api.errors import TooManyLists

MIN_THREADS = 4
"""A worker with fewer threads has no limit by default, because half of its threads would allow only one list."""


def max_lists(option: int | None, threads: int | None) -> int | None:
    """Return the maximum number of concurrent lists of one project in a worker, None for no limit.

    ``option`` is the configured number, 0 for no limit; the default is half of the worker's ``threads``, if known.
    """
    if option is not None:
        return option or None
    return threads // 2 if threads is not None and threads >= MIN_THREADS else None


class ListLimiter:
    """Counts the running lists of each project. ``max_lists``: the maximum for a project, None for no limit."""

    def __init__(self, max_lists: int | None) -> None:
        self._max_lists = max_lists
        self._lock = threading.Lock()
        self._running: Counter[str | None] = Counter()

    @contextmanager
    def acquire(self, project_id: str | None) -> Iterator[None]:
        """Count a list of the project until the context ends. Raises ``TooManyLists`` at the limit."""
        with self._lock:
            if self._max_lists is not None and self._running[project_id] >= self._max_lists:
                raise TooManyLists(
                    f"A worker serves {self._max_lists} lists of one project at a time, "
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
