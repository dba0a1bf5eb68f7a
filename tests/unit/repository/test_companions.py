"""A call that does not return is left behind, and no other one is made until it has returned."""

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator

import pytest
from oslo_context.context import RequestContext, get_current

from freezer_api.repository.sql import companions as module
from freezer_api.repository.sql.companions import Companions, Stuck


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.fixture
def ended() -> threading.Event:
    return threading.Event()


@pytest.fixture
def companions(ended: threading.Event) -> Companions:
    return Companions(ended.set)


@pytest.fixture
def hang() -> Iterator[threading.Event]:
    """Set to let hanging work return."""
    event = threading.Event()
    yield event
    event.set()


def test_call_returns_what_the_work_gives(companions: Companions) -> None:
    assert [companions.call(lambda n=n: n + 1, 30.0) for n in range(5)] == [1, 2, 3, 4, 5]


def test_call_raises_what_the_work_raises(companions: Companions) -> None:
    with pytest.raises(ZeroDivisionError):
        companions.call(lambda: 1 // 0, 30.0)
    assert companions.call(lambda: 1, 30.0) == 1


def test_one_thread_serves_a_caller_and_ends_with_it(companions: Companions) -> None:
    served: set[threading.Thread] = set()
    caller = threading.Thread(
        target=lambda: [served.add(companions.call(threading.current_thread, 30.0)) for _ in range(3)]
    )
    caller.start()
    caller.join()
    (companion,) = served
    assert companion is not caller
    gc.collect()
    companion.join(30)
    assert not companion.is_alive()


def test_work_that_hangs_is_left_behind(
    companions: Companions, ended: threading.Event, hang: threading.Event
) -> None:
    with pytest.raises(Stuck):
        companions.call(hang.wait, 0.01)
    assert companions.are_stuck
    with pytest.raises(Stuck):
        companions.call(lambda: pytest.fail("called while another call is stuck"), 30.0)
    assert not ended.is_set()
    hang.set()
    assert ended.wait(30)
    assert not companions.are_stuck
    assert companions.call(lambda: 1, 30.0) == 1


def test_end_is_reported_when_the_last_one_has_returned(
    companions: Companions, ended: threading.Event, hang: threading.Event
) -> None:
    other, begun = threading.Event(), threading.Semaphore(0)

    def leave(event: threading.Event) -> None:
        with pytest.raises(Stuck):
            companions.call(lambda: (begun.release(), event.wait()), 0.5)

    callers = [threading.Thread(target=leave, args=(event,)) for event in (hang, other)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    hang.set()
    until(lambda: len(companions._left.desks) == 1)
    assert not ended.is_set()
    other.set()
    assert ended.wait(30)


def test_work_that_returns_at_the_last_moment_counts(
    companions: Companions, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave = companions._leave

    def leave_late(desk: module._Desk) -> bool:
        until(lambda: desk.is_done)
        return leave(desk)

    monkeypatch.setattr(companions, "_leave", leave_late)
    assert companions.call(lambda: time.sleep(0.05) or "done", 0.0) == "done"
    assert companions.call(lambda: "again", 30.0) == "again"


def test_interrupted_caller_leaves_the_work_behind(
    companions: Companions, ended: threading.Event, hang: threading.Event
) -> None:
    class Interrupted:
        """In the place of the lock at which the caller waits: a signal's handler raises there."""

        def acquire(self, timeout: float) -> bool:
            raise KeyboardInterrupt

    companions.call(lambda: None, 30.0)
    companions._local.companion.desk.done = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        companions.call(hang.wait, 30.0)
    assert companions.are_stuck
    hang.set()
    assert ended.wait(30)


def test_companion_from_before_a_fork_is_not_used(companions: Companions) -> None:
    companions.call(lambda: None, 30.0)
    companions._local.companion.process = -1
    assert companions.call(lambda: 1, 30.0) == 1


def test_log_lines_of_the_work_name_the_request(companions: Companions) -> None:
    context = RequestContext(request_id="req-1")
    try:
        assert companions.call(get_current, 30.0) is context
    finally:
        RequestContext(overwrite=True)


def test_forked_process_forgets_those_of_its_parent(companions: Companions, hang: threading.Event) -> None:
    with pytest.raises(Stuck):
        companions.call(hang.wait, 0.01)
    module._restart(weakref.ref(companions._left))
    assert not companions.are_stuck


def test_companions_that_are_gone_are_forgotten() -> None:
    class Gone:
        pass

    module._restart(weakref.ref(Gone()))
