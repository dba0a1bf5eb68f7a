# SPDX-License-Identifier: Apache-2.0
"""During an outage one call at a time probes the store, and the calls of a request share a deadline."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from freezer_api.errors import Unavailable
from freezer_api.repository import outages as module
from freezer_api.repository.outages import READING, WRITING, Outages, one_request
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outages(clock: Clock) -> Outages:
    return Outages(clock)


def fail(
    outages: Outages, clock: Clock, place: str = READING, *, after: float = 4.0, everywhere: bool = False
) -> None:
    with outages.call(place, 4.0) as call:
        clock.now += after
        call.unanswered("it hangs", everywhere=everywhere)


def succeed(outages: Outages, clock: Clock, place: str = READING, after: float = 0.01) -> None:
    with outages.call(place, 4.0) as call:
        clock.now += after
        call.answered()


def test_outage_is_logged_when_it_begins_and_when_it_ends(
    outages: Outages, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        fail(outages, clock)
    for _ in range(3):
        succeed(outages, clock)
    assert caplog.messages == [
        "The store is not available (reading), after 4.0 s: it hangs",
        "The store answers again (reading)",
    ]


def test_call_during_an_outage_is_a_probe_limited_to_one_second(outages: Outages, clock: Clock) -> None:
    fail(outages, clock, everywhere=True)
    with outages.call(WRITING, 4.0) as call:
        assert call.is_probe
        assert call.end == clock.now + module.PROBE_TIMEOUT
        assert not call.is_hopeless
        call.answered()
    with outages.call(WRITING, 4.0) as call:
        assert not call.is_probe
        assert call.end == clock.now + 4.0


def test_outage_of_writes_does_not_affect_reads(outages: Outages, clock: Clock) -> None:
    fail(outages, clock, WRITING)
    succeed(outages, clock, READING)
    assert outages.has(WRITING)
    assert not outages.has(READING)


def test_other_calls_are_refused_while_one_is_probing(outages: Outages, clock: Clock) -> None:
    fail(outages, clock, everywhere=True)
    with outages.call(READING, 4.0), ThreadPoolExecutor(1) as thread, pytest.raises(Unavailable):
        thread.submit(succeed, outages, clock).result()
    succeed(outages, clock)
    assert not outages.has(READING)


def test_call_that_waited_for_a_successful_probe_is_not_a_probe(
    outages: Outages, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROBE_WAIT_TIMEOUT", 30.0)
    fail(outages, clock, everywhere=True)
    has, asked, kinds = outages.has, threading.Event(), []

    def has_and_says_so(place: str) -> bool:
        try:
            return has(place)
        finally:
            asked.set()

    def call() -> None:
        with outages.call(READING, 4.0) as made:
            kinds.append(made.is_probe)

    with ThreadPoolExecutor(1) as thread:
        with outages.call(READING, 4.0) as probe:
            monkeypatch.setattr(outages, "has", has_and_says_so)
            waiting = thread.submit(call)
            assert asked.wait(30)
            probe.answered()
        waiting.result()
    assert kinds == [False]


def test_slow_call_while_others_are_answered_begins_no_outage(
    outages: Outages, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with outages.call(READING, 4.0) as slow:
        clock.now += 3.5
        succeed(outages, clock, WRITING)
        clock.now += 0.5
        slow.unanswered("it is slow", everywhere=True)
    assert not outages.has(READING)
    assert caplog.messages == ["The store did not answer a request within 4.0 s, but answered others: it is slow"]


def test_refused_connection_begins_an_outage_at_once(outages: Outages, clock: Clock) -> None:
    succeed(outages, clock)
    fail(outages, clock, after=0.001, everywhere=True)
    assert outages.has(WRITING)


def test_outage_found_by_another_call_stops_retries_of_running_calls(outages: Outages, clock: Clock) -> None:
    with outages.call(READING, 4.0) as call:
        assert not call.is_hopeless
        fail(outages, clock, WRITING, everywhere=True)
        assert call.is_hopeless


def test_slow_calls_of_one_request_share_a_deadline(outages: Outages, clock: Clock) -> None:
    with one_request():
        succeed(outages, clock, after=2.5)
        with outages.call(READING, 4.0) as call:
            assert call.end == pytest.approx(clock.now + 1.5)
            clock.now += 1.2
        with pytest.raises(Unavailable), outages.call(READING, 4.0):
            pass
    with outages.call(READING, 4.0) as call:
        assert call.end == clock.now + 4.0


@pytest.mark.parametrize(("waited", "seconds"), [(0.0, 4.0), (1.5, 2.5), (3.0, 2.0), (60.0, 2.0)])
def test_time_in_the_queue_is_part_of_the_deadline(
    outages: Outages, clock: Clock, waited: float, seconds: float
) -> None:
    with one_request(waited), outages.call(READING, 4.0) as call:
        assert call.end == clock.now + seconds


def test_slow_calls_of_a_queued_request_have_time_for_an_attempt(outages: Outages, clock: Clock) -> None:
    with one_request(60.0):
        succeed(outages, clock, after=1.9)
        with outages.call(READING, 4.0) as call:
            assert call.end == clock.now + 2.0


def test_queued_request_does_not_wait_for_a_probe(
    outages: Outages, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A request that waited for the probe would wait for this thread, and never end.
    monkeypatch.setattr(module, "PROBE_WAIT_TIMEOUT", 3600.0)
    fail(outages, clock, everywhere=True)
    with outages.call(READING, 4.0), one_request(3600.0), pytest.raises(Unavailable):
        succeed(outages, clock)


def test_time_of_successful_calls_is_not_part_of_the_deadline(outages: Outages, clock: Clock) -> None:
    with one_request():
        succeed(outages, clock, after=3.0)
        for _ in range(1000):
            succeed(outages, clock, after=0.1)
