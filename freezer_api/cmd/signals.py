"""How commands end by SIGINT (Ctrl-C) and SIGTERM: in one line, with what was begun put in order."""

import signal
from types import FrameType
from typing import NoReturn


class Stopped(SystemExit):
    """A signal asks the command to end. ``code`` is the exit code of a shell: 128 and the number of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.name = signal.Signals(number).name

    def __str__(self) -> str:
        return f"stopped by {self.name}"


def raise_on_signals() -> None:
    """Let SIGINT and SIGTERM raise :class:`Stopped`, so that blocks that are open are left in order."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    raise Stopped(number)
