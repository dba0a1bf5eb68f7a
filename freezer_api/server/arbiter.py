"""The master process: it holds the listening socket, starts workers, and reads the configuration on SIGHUP."""

import ctypes
import logging
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from gunicorn.arbiter import Arbiter

from freezer_api.errors import CommandError

LOG = logging.getLogger(__name__)

LONGEST_REHEARSAL = 30.0
"""Seconds; of other signals only those that stop the service are handled before it ends."""

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
_STOP_CHECK_INTERVAL = 0.1
"""Seconds."""


class Master(Arbiter):  # type: ignore[misc]
    """gunicorn's master, which loses no request: not by a stop, and not by a configuration that is wrong."""

    _reloading = False

    def start(self) -> None:
        super().start()
        self.app.ready()

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        # gunicorn handles queued signals in the order of arrival: SIGTERM after a second of work for each SIGHUP
        # before it. One reload does for all of them, and a stop makes it pointless.
        received: list[int] = super().wait_for_signals(timeout)
        stops = [number for number in received if number in STOPS]
        if stops:
            # ``stop`` reads further ones from the queue: a second Ctrl-C ends the wait for running requests.
            for number in stops[1:]:
                self.signal(number, None)
            return stops[:1]
        others = [number for number in received if number != signal.SIGHUP]
        return others if len(others) == len(received) else [*others, signal.SIGHUP]

    def stop_if_requested(self) -> None:
        """Stop now if a signal asked for it since the reload began; other signals are handled after the reload."""
        for number in self.wait_for_signals(timeout=0):
            if number == signal.SIGQUIT:
                self.handle_quit()
            if number in STOPS:
                self.handle_term()
            self.signal(number, None)

    def reap_workers(self) -> None:
        super().reap_workers()
        if self._reloading:
            # The only step of gunicorn's wait for the old workers, which may take all of graceful_timeout.
            self.stop_if_requested()

    def handle_int(self) -> None:
        """Ctrl-C is a stop like others; a second one does not wait for requests."""
        self.handle_term()

    def spawn_worker(self) -> int:
        # A signal between the fork and the worker's own handlers would get lost: it waits until there are some.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, self.SIGNALS)
        try:
            return int(super().spawn_worker())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def stop(self, graceful: bool = True) -> None:  # noqa: FBT001, FBT002 - the signature is gunicorn's
        for listener in self.LISTENERS:
            refuse_newcomers(listener.sock)
        super().stop(graceful)

    def reload(self) -> None:
        reason = failure_of(self.app.rehearse, self.stop_if_requested)
        if reason is None:
            try:
                self.app.renew()
            except CommandError as error:
                reason = str(error)
        if reason is not None:
            LOG.error("The service goes on as it was, for the configuration cannot be used: %s", reason)
            return
        self._reloading = True
        try:
            super().reload()
        finally:
            self._reloading = False
        LOG.info("The configuration has been read again")


def failure_of(work: Callable[[], object], stop_if_requested: Callable[[], None] = lambda: None) -> str | None:
    """What goes wrong when the work is done in a forked process, of which nothing else is left.

    ``stop_if_requested`` is called while the process runs; what it raises ends the process.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _rehearse(work, writing)
    os.close(writing)
    in_time = False
    deadline = time.monotonic() + LONGEST_REHEARSAL
    with open(reading, encoding="utf-8") as pipe:
        try:
            while not in_time and time.monotonic() < deadline:
                stop_if_requested()
                # Readable at the end of the process, too.
                in_time = bool(select.select([pipe], [], [], _STOP_CHECK_INTERVAL)[0])
        finally:
            if not in_time:
                os.kill(child, signal.SIGKILL)
            reason = pipe.read()
            _, status = os.waitpid(child, 0)
    if not in_time:
        return f"reading it took longer than {LONGEST_REHEARSAL:g} seconds"
    return (reason or "reading it ended unexpectedly") if status else None


def _rehearse(work: Callable[[], object], writing: int) -> NoReturn:
    # What there is to say is said when it is done in earnest.
    logging.disable()
    code = 1
    try:
        work()
        code = 0
    except CommandError as error:
        os.write(writing, str(error).encode())
    except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as a second master
        traceback.print_exc()
    finally:
        os._exit(code)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


_SO_ATTACH_FILTER = 26
_NO_SYN = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        # Load the byte with the flags of the TCP header; with SYN among them nothing is let through, else all.
        (0x30, 0, 0, 13),
        (0x45, 0, 1, 0x02),
        (0x06, 0, 0, 0),
        (0x06, 0, 0, 0xFFFFFFFF),
    )
)


def refuse_newcomers(listener: socket.socket) -> None:
    """Let nobody begin a connection to a TCP socket. Those that were begun can still be made, and accepted.

    Between the last ``accept`` and ``close`` the system would go on making some, only to reset them. Here their
    first packet is dropped, and sent again a second later, when the address is nobody's or the next process's.
    """
    if sys.platform == "linux" and listener.family in (socket.AF_INET, socket.AF_INET6):
        program = _Program(4, _NO_SYN)
        # Where it cannot be had the gap is short.
        with suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(program))
