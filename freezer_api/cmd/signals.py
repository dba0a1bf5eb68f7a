# SPDX-License-Identifier: Apache-2.0
"""Commands end on SIGINT (Ctrl-C) and SIGTERM with one line, and clean up before."""

import signal
from types import FrameType
from typing import NoReturn


class Stopped(SystemExit):
    """The command was stopped by a signal. ``code`` is 128 plus the number of the signal, as in a shell."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.name = signal.Signals(number).name

    def __str__(self) -> str:
        return f"stopped by {self.name}"


def raise_on_signals() -> None:
    """Let SIGINT and SIGTERM raise :class:`Stopped`, so that ``with`` and ``finally`` blocks end properly."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    raise Stopped(number)
