"""Calls in threads of their own, for which a caller waits no longer than it wants to.

A file system that is frozen, or whose disk or server hangs, stops a thread inside the kernel, where nothing
interrupts it. So every thread that calls has a companion, which it can leave behind. Two locks hand over the work;
that takes about 10 microseconds.
"""

import os
import threading
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from oslo_context.context import get_current

_Result = TypeVar("_Result")


class Stuck(Exception):
    """A call has not returned, this one or an earlier one."""


class _Desk:
    """What a companion and its caller share. Without ``work`` the companion ends."""

    work: Callable[[], Any] | None = None
    context: Any = None
    result: Any = None
    error: BaseException | None = None
    is_done = False

    def __init__(self) -> None:
        self.begin, self.done = threading.Lock(), threading.Lock()
        self.begin.acquire()
        self.done.acquire()


class _Left:
    """Desks that were left before the work was done. ``on_end`` is called when there is none any more."""

    def __init__(self, on_end: Callable[[], None]) -> None:
        self.on_end = on_end
        self.restart()
        os.register_at_fork(after_in_child=partial(_restart, weakref.ref(self)))

    def restart(self) -> None:
        self.lock = threading.Lock()
        self.desks: set[_Desk] = set()


class _Companion:
    """The caller's end of a companion, which ends with it."""

    def __init__(self, left: _Left) -> None:
        self.process = os.getpid()
        self.desk = _Desk()
        threading.Thread(target=_serve, args=(self.desk, left), name="companion", daemon=True).start()

    def __del__(self) -> None:
        # If it is not locked the companion has yet to take the last work.
        if self.desk.begin.locked():
            self.desk.begin.release()


def _serve(desk: _Desk, left: _Left) -> None:
    while desk.begin.acquire() and desk.work is not None:
        if desk.context is not None:
            # So that log lines name the request.
            desk.context.update_store()
        try:
            desk.result = desk.work()
        except BaseException as error:  # noqa: BLE001 - it is the caller's
            desk.error = error
        desk.work = desk.context = None
        with left.lock:
            desk.is_done = True
            was_left = desk in left.desks
            left.desks.discard(desk)
        if was_left:
            if not left.desks:
                left.on_end()
            return
        desk.done.release()


class Companions:
    """Makes calls in companions. ``on_end`` is called when all that were left behind have returned.

    While there is one no other call is made, so threads do not pile up behind a disk that hangs.
    """

    def __init__(self, on_end: Callable[[], None]) -> None:
        self._local = threading.local()
        self._left = _Left(on_end)

    @property
    def are_stuck(self) -> bool:
        """Whether one was left behind and has not returned."""
        return bool(self._left.desks)

    def call(self, work: Callable[[], _Result], seconds: float) -> _Result:
        """The result of ``work``, or what it raises; ``Stuck`` after so many seconds, or while another call is."""
        if self.are_stuck:
            raise Stuck
        companion: _Companion | None = getattr(self._local, "companion", None)
        if companion is None or companion.process != os.getpid():
            companion = self._local.companion = _Companion(self._left)
        desk = companion.desk
        desk.work, desk.context, desk.is_done = work, get_current(), False
        desk.begin.release()
        try:
            is_done = desk.done.acquire(timeout=seconds)
        except BaseException:
            self._leave(desk)
            raise
        if not is_done and self._leave(desk):
            raise Stuck
        result, error = desk.result, desk.error
        desk.result = desk.error = None
        try:
            if error is not None:
                raise error
            return result  # type: ignore[no-any-return]
        finally:
            # The error refers to this frame.
            del error

    def _leave(self, desk: _Desk) -> bool:
        """Whether the work goes on behind the caller's back; it may have been done in this very moment."""
        self._local.companion = None
        with self._left.lock:
            if not desk.is_done:
                self._left.desks.add(desk)
            return not desk.is_done


def _restart(held: "weakref.ref[_Left]") -> None:
    left = held()
    if left is not None:
        left.restart()
