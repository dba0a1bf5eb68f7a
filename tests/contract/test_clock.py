"""The clock that all processes of a store share."""

import time


def test_now_is_the_time_in_seconds(repository):
    before = int(time.time())
    assert before - 1 <= repository.now() <= time.time() + 1
