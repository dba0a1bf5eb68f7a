"""What a reload learns of a configuration before it counts."""

import threading

import pytest

from freezer_api.cmd import master
from freezer_api.errors import StartFailed


def _raise(error: Exception) -> None:
    raise error


def test_what_can_be_used_has_no_failure() -> None:
    assert master.failure_of(lambda: None) is None


def test_what_is_wrong_is_said() -> None:
    assert master.failure_of(lambda: _raise(StartFailed("a reason"))) == "a reason"
    assert master.failure_of(lambda: _raise(ValueError())) == "reading it ended unexpectedly"


def test_what_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that hangs must not keep the master from a stop."""
    monkeypatch.setattr(master, "LONGEST_REHEARSAL", 0.1)
    assert master.failure_of(threading.Event().wait) == "reading it took longer than 0.1 seconds"


def test_a_stop_ends_the_rehearsal() -> None:
    with pytest.raises(StopIteration):
        master.failure_of(threading.Event().wait, lambda: _raise(StopIteration()))
