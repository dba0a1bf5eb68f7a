# SPDX-License-Identifier: Apache-2.0
"""Signals, errors, output and exit codes of the commands."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from freezer_api.bootstrap import UsageError
from freezer_api.errors import CommandError, FreezerError


class Stopped(SystemExit):
    """The command was stopped by a signal. ``code`` is 128 plus the number of the signal, as in a shell."""

    code: int

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.name = signal.Signals(number).name

    def __str__(self) -> str:
        return f"stopped by {self.name}"


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    raise Stopped(number)


def run(program: str, command: Callable[[], int], *, failure: int = 1) -> int:
    """Run the command and return its exit code; print an error as one line on stderr.

    The code is 2 for an invalid command line, ``failure`` for other errors, and 128 plus the number of the signal
    for SIGINT (Ctrl-C), SIGTERM and SIGHUP, which raise :class:`Stopped`, so that ``with`` and ``finally`` blocks
    end properly. A pipe that is closed early, as by ``db show | head``, ends the process silently.
    """
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    # With nohup it is ignored.
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _stop)
    try:
        with printed():
            return command()
    except (UsageError, FreezerError, Stopped) as error:
        print(f"{program}: {error}", file=sys.stderr)
        if isinstance(error, Stopped):
            return error.code
        return 2 if isinstance(error, UsageError) else failure


@contextmanager
def printed() -> Iterator[None]:
    """Flush stdout at the end of the block. Raises ``CommandError`` if a file fails, as stdout on a full disk."""
    try:
        yield
        # stdout is None if it was closed before the process started.
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is not None:
            raise CommandError(f"{error.filename}: {error.strerror}") from None
        # Set stdout to None, because otherwise the process would try to write its buffer again at its end.
        sys.stdout = None
        raise CommandError(f"cannot write to stdout: {error.strerror}") from None
