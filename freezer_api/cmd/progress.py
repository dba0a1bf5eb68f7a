# SPDX-License-Identifier: Apache-2.0
"""The progress of a command on stderr: a bar if it is a terminal, otherwise a line every ten seconds."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from freezer_api.repository.admin import Advance

LINE_INTERVAL = 10.0
"""Seconds between two lines of progress."""


class Progress:
    """Report tasks, one after the other. ``clock`` returns seconds.

    Nothing is shown while there is no task.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._bar: Any = None

    @contextmanager
    def task(self, label: str, total: int | None = None) -> Iterator[Advance]:
        """Yield a function that adds a number of finished documents. ``total``: their number, None if unknown."""
        if sys.stderr is not None and sys.stderr.isatty():
            with _bar(label, total) as self._bar:
                yield self._bar.update
            self._bar = None
        else:
            yield _Lines(label, total, self._clock).advance

    def print_error(self, line: str) -> None:
        """Print a line on stderr, above the bar if there is one."""
        if self._bar is None:
            print_error(line)
        else:
            self._bar.write(line, file=sys.stderr)


def print_error(line: str) -> None:
    """Print a line on stderr, unless it is closed: print() would write to stdout then."""
    if sys.stderr is not None:
        print(line, file=sys.stderr, flush=True)


def _bar(label: str, total: int | None) -> Any:
    # Import the library here, because most runs have no terminal.
    from tqdm import tqdm

    # Keep the library from starting its monitor thread, which this bar does not need.
    tqdm.monitor_interval = 0
    return tqdm(desc=label, total=total, unit=" documents", leave=False, dynamic_ncols=True)


class _Lines:
    def __init__(self, label: str, total: int | None, clock: Callable[[], float]) -> None:
        self._label = label
        self._of = "" if total is None else f" of {total}"
        self._clock = clock
        self._done = 0
        self._last = clock()

    def advance(self, count: int) -> None:
        self._done += count
        if self._clock() - self._last >= LINE_INTERVAL:
            self._last = self._clock()
            print_error(f"{self._label}: {self._done}{self._of} documents so far")
