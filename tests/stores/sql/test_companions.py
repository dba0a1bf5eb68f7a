"""A process that is forked from one with a hanging statement works."""

import os
import threading

import pytest

from freezer_api.repository.sql.companions import Companions, Stuck
from tests.unit.repository.test_companions import companions, ended, hang

__all__ = ["companions", "ended", "hang"]


def test_forked_process_has_companions_of_its_own(companions: Companions, hang: threading.Event) -> None:
    companions.call(lambda: None, 30.0)
    with pytest.raises(Stuck):
        companions.call(hang.wait, 0.01)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = companions.call(lambda: 7, 30.0)
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
