# SPDX-License-Identifier: Apache-2.0
"""After a call has timed out, other calls are refused until its thread has returned."""

import threading
from collections.abc import Iterator

import pytest
from oslo_context.context import RequestContext, get_current

from freezer_api.repository.sql.bounded_calls import BoundedCalls, StillRunning


@pytest.fixture
def recovered() -> threading.Event:
    return threading.Event()


@pytest.fixture
def calls(recovered: threading.Event) -> Iterator[BoundedCalls]:
    calls = BoundedCalls(recovered.set)
    yield calls
    calls.close()


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """An event for which hanging work waits."""
    event = threading.Event()
    yield event
    event.set()


def test_call_returns_the_result_of_the_work(calls: BoundedCalls) -> None:
    assert [calls.call(lambda n=n: n + 1, 30.0) for n in range(5)] == [1, 2, 3, 4, 5]


def test_call_raises_the_error_of_the_work(calls: BoundedCalls) -> None:
    with pytest.raises(ZeroDivisionError):
        calls.call(lambda: 1 // 0, 30.0)
    assert calls.call(lambda: 1, 30.0) == 1


def test_sequential_calls_share_one_thread_until_close(calls: BoundedCalls) -> None:
    (worker,) = {calls.call(threading.current_thread, 30.0) for _ in range(3)}
    assert worker is not threading.current_thread()
    calls.close()
    worker.join(30)
    assert not worker.is_alive()
    assert calls.call(lambda: 1, 30.0) == 1


def test_other_calls_are_refused_until_a_hanging_call_returns(
    calls: BoundedCalls, recovered: threading.Event, hang: threading.Event
) -> None:
    with pytest.raises(StillRunning):
        calls.call(hang.wait, 0.01)
    assert calls.are_stuck
    with pytest.raises(StillRunning):
        calls.call(lambda: pytest.fail("called while another call is running"), 30.0)
    assert not recovered.is_set()
    hang.set()
    assert recovered.wait(30)
    assert not calls.are_stuck
    assert calls.call(lambda: 1, 30.0) == 1


def test_recovery_is_reported_when_the_last_call_has_returned(
    calls: BoundedCalls, recovered: threading.Event, hang: threading.Event
) -> None:
    first, begun = threading.Event(), threading.Barrier(3)
    workers: dict[threading.Event, threading.Thread] = {}

    def work(event: threading.Event) -> None:
        workers[event] = threading.current_thread()
        begun.wait(30)
        event.wait()

    def leave(event: threading.Event) -> None:
        with pytest.raises(StillRunning):
            calls.call(lambda: work(event), 0.5)

    callers = [threading.Thread(target=leave, args=(event,)) for event in (first, hang)]
    for caller in callers:
        caller.start()
    begun.wait(30)
    for caller in callers:
        caller.join()
    first.set()
    workers[first].join(30)
    assert not recovered.is_set()
    hang.set()
    assert recovered.wait(30)


def test_work_continues_after_its_caller_is_interrupted(
    calls: BoundedCalls, recovered: threading.Event, hang: threading.Event
) -> None:
    class Interrupted:
        """A queue for the waiting caller that raises an exception, as a signal handler would."""

        def get(self, timeout: float) -> None:
            raise KeyboardInterrupt

        def put(self, outcome: object) -> None:
            pass

    calls.call(lambda: None, 30.0)
    calls._idle[0].outcomes = Interrupted()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        calls.call(hang.wait, 30.0)
    assert calls.are_stuck
    hang.set()
    assert recovered.wait(30)


def test_log_lines_of_the_work_have_the_request_id(calls: BoundedCalls) -> None:
    context = RequestContext(request_id="req-1")
    try:
        assert calls.call(get_current, 30.0) is context
    finally:
        RequestContext(overwrite=True)
