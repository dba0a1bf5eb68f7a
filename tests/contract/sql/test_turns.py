"""Turns go round."""

import gc
import threading
import time
import weakref

import pytest

from freezer_api.repository.sql import fair_lock
from freezer_api.repository.sql.fair_lock import Turns


def test_one_at_a_time():
    turn, inside, most = Turns(), [], []

    def _work():
        for _ in range(50):
            with turn.taken(10.0):
                inside.append(1)
                time.sleep(0.0001)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=_work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}
    assert len(most) == 400


def test_who_asked_first_comes_first():
    turn, order = Turns(), []

    def _work(number):
        with turn.taken(10.0):
            order.append(number)

    threads = [threading.Thread(target=_work, args=(number,)) for number in range(8)]
    with turn.taken(10.0):
        for number, thread in enumerate(threads):
            thread.start()
            while len(turn._waiting) <= number:
                time.sleep(0.001)
    # Who has just let go and asks again comes last.
    _work("again")
    for thread in threads:
        thread.join()
    assert order == [*range(8), "again"]


def test_who_waits_too_long_is_told_and_forgotten():
    turn = Turns()
    with turn.taken(10.0):
        with pytest.raises(TimeoutError), turn.taken(0.05):
            pass
        assert not turn._waiting
    with turn.taken(10.0):
        pass


def test_an_error_inside_ends_the_turn():
    turn = Turns()
    with pytest.raises(ZeroDivisionError), turn.taken(10.0):
        raise ZeroDivisionError
    with turn.taken(10.0):
        pass


def test_a_turn_that_comes_at_the_last_moment_is_taken():
    turn = Turns()
    turn._give_up(threading.Lock())


def test_restart():
    turn = Turns()
    with turn.taken(10.0):
        fair_lock._restart(weakref.ref(turn))
        with turn.taken(10.0):
            pass


def test_turns_that_are_gone_are_forgotten():
    turn = Turns()
    gone = weakref.ref(turn)
    del turn
    gc.collect()
    assert gone() is None
    fair_lock._restart(gone)
