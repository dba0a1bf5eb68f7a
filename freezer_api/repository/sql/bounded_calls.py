# SPDX-License-Identifier: Apache-2.0
"""Calls with a time limit, for work that nothing can interrupt.

A file system that is frozen, or whose disk or server hangs, stops a thread inside the kernel. So daemon
threads do the work, which a caller can abandon. (The threads of ``concurrent.futures`` are joined when a
process ends, so it would hang as well.)
"""

from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from oslo_context.context import get_current

_Result = TypeVar("_Result")
_Outcome = tuple[Any, BaseException | None]


class StillRunning(Exception):
    """A call, this one or an earlier one, has not returned in time."""


class BoundedCalls:
    """Makes calls in worker threads, with one thread for each concurrent call.

    While a call runs beyond its time limit, other calls are refused, so that threads do not accumulate behind a
    disk that hangs. ``on_recovery`` is called when the last one has returned.
    """

    def __init__(self, on_recovery: Callable[[], None]) -> None:
        self._on_recovery = on_recovery
        self._idle: list[_Worker] = []
        self._overdue: set[_Worker] = set()

    @property
    def are_stuck(self) -> bool:
        """Whether a call is still running after its time limit."""
        return bool(self._overdue)

    def call(self, work: Callable[[], _Result], seconds: float) -> _Result:
        """Return the result of ``work`` or raise its error. Raises ``StillRunning`` after so many seconds."""
        if self._overdue:
            raise StillRunning
        try:
            worker = self._idle.pop()
        except IndexError:
            worker = _Worker()
        worker.tasks.put((work, get_current()))
        try:
            result, error = worker.outcomes.get(timeout=seconds)
        except BaseException as interruption:
            self._overdue.add(worker)
            worker.tasks.put((partial(self._note_return, worker), None))
            worker.tasks.put(None)
            if isinstance(interruption, Empty):
                raise StillRunning from None
            raise
        self._idle.append(worker)
        try:
            if error is not None:
                raise error
            return result  # type: ignore[no-any-return]
        finally:
            # Break the reference cycle: the error refers to this frame.
            del error

    def _note_return(self, worker: "_Worker") -> None:
        self._overdue.discard(worker)
        if not self._overdue:
            self._on_recovery()

    def close(self) -> None:
        """End the idle threads."""
        while self._idle:
            self._idle.pop().tasks.put(None)

    __del__ = close


class _Worker:
    """A thread that does its tasks one after the other, until it finds None."""

    def __init__(self) -> None:
        self.tasks: SimpleQueue[tuple[Callable[[], Any], Any] | None] = SimpleQueue()
        self.outcomes: SimpleQueue[_Outcome] = SimpleQueue()
        Thread(target=self._work, name="bounded call", daemon=True).start()

    def _work(self) -> None:
        while (task := self.tasks.get()) is not None:
            work, context = task
            if context is not None:
                # Run the work in the caller's context, so that log lines have the request id.
                context.update_store()
            try:
                outcome: _Outcome = work(), None
            except BaseException as error:  # noqa: BLE001 - the caller raises it
                outcome = None, error
            self.outcomes.put(outcome)
            # Delete the task, because otherwise an idle thread would keep the last request in memory.
            del task, work, context, outcome
