# SPDX-License-Identifier: Apache-2.0
"""gunicorn's arbiter, which starts and stops the worker processes, and reloads the configuration on SIGHUP."""

import logging
import signal
import socket
import struct
import sys
import time
from array import array
from contextlib import suppress
from typing import Any

from gunicorn import arbiter

LOG = logging.getLogger(__name__)

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)

HANDSHAKE_TIMEOUT = 0.5
"""Maximum seconds between the first packet of a client and the one that establishes its connection."""

_SO_ATTACH_FILTER = 26
_INSTRUCTIONS = (
    # Load the flags of the TCP header. Drop the packet if SYN is set, accept it otherwise.
    (0x30, 0, 0, 13),
    (0x45, 0, 1, 0x02),
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0xFFFFFFFF),
)
_FILTER = array("B", b"".join(struct.pack("HBBI", *instruction) for instruction in _INSTRUCTIONS))


class Arbiter(arbiter.Arbiter):  # type: ignore[misc]
    """The arbiter of the service: a wrong configuration does not end it, and a stop does not wait for a reload."""

    _reloading = False

    def start(self) -> None:
        super().start()
        self.app.on_ready()

    # Ctrl-C lets running requests finish, as SIGTERM does. A second one ends the wait.
    handle_int = arbiter.Arbiter.handle_term

    def signal(self, sig: int, frame: Any) -> None:
        """Queue a signal. A stop interrupts a reload, which may hang on a file or wait for old workers."""
        if self._reloading and sig in STOPS:
            # Also queue it: SIGQUIT ends the wait for running requests, and Python discards errors in destructors.
            super().signal(signal.SIGQUIT if sig == signal.SIGQUIT else signal.SIGTERM, frame)
            raise KeyboardInterrupt
        super().signal(sig, frame)

    def wait_for_signals(self, timeout: float = 1.0) -> list[int]:
        """Return the signals that arrived: a stop alone, or one SIGHUP for several."""
        received = super().wait_for_signals(timeout)
        first, *others = [sig for sig in received if sig in STOPS] or [None]
        for sig in others:
            # Keep further signals for ``stop``: a second Ctrl-C ends the wait for running requests.
            super().signal(sig, None)
        return list(dict.fromkeys(received)) if first is None else [first]

    def spawn_worker(self) -> int:
        # A signal between the fork and the worker's own handlers would be lost. The worker unblocks them.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, self.SIGNALS)
        try:
            return int(super().spawn_worker())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def stop(self, graceful: bool = True) -> None:  # noqa: FBT001, FBT002 - the signature is gunicorn's
        """Stop the workers, which go on serving until handshakes that have begun are complete."""
        if graceful:
            for listener in self.LISTENERS:
                drop_new_handshakes(listener.sock)
            time.sleep(HANDSHAKE_TIMEOUT)
        super().stop(graceful)

    def reload(self) -> None:
        """Build the application from the new configuration, and replace the workers only if that succeeds."""
        self._reloading = True
        try:
            if self.app.rebuild():
                super().reload()
                LOG.info("Configuration reloaded")
        finally:
            self._reloading = False


def drop_new_handshakes(listener: socket.socket) -> None:
    """Let no client begin a connection; connections whose handshake has begun can still be established.

    The system resets connections that it establishes between the last ``accept`` and ``close``. With the filter it
    establishes none: the client repeats its first packet a second later, when the address is free or belongs to
    the next process.
    """
    if sys.platform == "linux":
        # If the filter cannot be set, a few connections may be lost.
        with suppress(OSError):
            program = struct.pack("HP", len(_INSTRUCTIONS), _FILTER.buffer_info()[0])
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
