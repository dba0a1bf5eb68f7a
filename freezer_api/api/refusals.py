# SPDX-License-Identifier: Apache-2.0
"""Log requests that are refused because of a limit."""

import logging
import threading
import time
from collections.abc import Callable

LOG = logging.getLogger(__name__)

LOG_INTERVAL = 60.0
"""Seconds between two log lines of one project."""

MAX_PROJECTS = 1000
"""Maximum number of projects of which the time of the last log line is stored."""


class RefusalLog:
    """Logs each :class:`freezer_api.errors.LimitReached`, for each project at most one line per ``LOG_INTERVAL``.

    Code that raises such an error must not log it. ``clock`` returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[str | None, float] = {}

    def log(self, project_id: str | None, reason: str) -> None:
        """Log the refusal unless one of the same project was logged less than ``LOG_INTERVAL`` ago."""
        now = self._clock()
        with self._lock:
            if now - self._last.get(project_id, now - LOG_INTERVAL) < LOG_INTERVAL:
                return
            self._last.pop(project_id, None)
            self._last[project_id] = now
            if len(self._last) > MAX_PROJECTS:
                # The first key is the project whose last line is the oldest.
                del self._last[next(iter(self._last))]
        LOG.warning("Refused a request of project %s: %s", project_id, reason)
