"""What a reload learns of a configuration before it counts."""

import threading

import pytest

from freezer_api.errors import ConfigurationError
from freezer_api.server import arbiter


def _raise(error: Exception) -> None:
    raise error


def test_what_can_be_used_has_no_failure() -> None:
    assert arbiter.failure_of(lambda: None) is None


def test_what_is_wrong_is_said() -> None:
    assert arbiter.failure_of(lambda: _raise(ConfigurationError("a reason"))) == "a reason"
    assert arbiter.failure_of(lambda: _raise(ValueError())) == "reading it ended unexpectedly"


def test_what_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that hangs must not keep the master from a stop."""
    monkeypatch.setattr(arbiter, "LONGEST_REHEARSAL", 0.1)
    assert arbiter.failure_of(threading.Event().wait) == "reading it took longer than 0.1 seconds"


def test_a_stop_ends_the_rehearsal() -> None:
    with pytest.raises(StopIteration):
        arbiter.failure_of(threading.Event().wait, lambda: _raise(StopIteration()))
