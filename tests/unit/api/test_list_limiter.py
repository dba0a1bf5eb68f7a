# SPDX-License-Identifier: Apache-2.0
"""The number of concurrent lists of one project in a worker."""

import pytest

from freezer_api.api.list_limiter import ListLimiter, max_lists
from freezer_api.errors import TooManyLists


@pytest.mark.parametrize(
    ("option", "threads", "most"),
    [
        (None, 8, 4),
        (None, 5, 2),
        (None, 4, 2),
        (None, 3, None),
        (None, 1, None),
        (None, None, None),
        (1, 8, 1),
        (0, 8, None),
        (3, None, 3),
    ],
)
def test_default_limit_is_half_of_the_threads(option: int | None, threads: int | None, most: int | None) -> None:
    assert max_lists(option, threads) == most


def test_limit_of_one_project_does_not_affect_others() -> None:
    list_limiter = ListLimiter(2)
    with list_limiter.acquire("a"), list_limiter.acquire("a"), list_limiter.acquire("b"):
        with pytest.raises(TooManyLists, match=r"\[api\] max_concurrent_lists"), list_limiter.acquire("a"):
            pass
        with list_limiter.acquire("b"):
            pass


def test_failed_list_is_no_longer_counted() -> None:
    list_limiter = ListLimiter(1)
    for _ in range(3):
        with pytest.raises(KeyError), list_limiter.acquire("a"):
            raise KeyError
    with list_limiter.acquire("a"):
        pass
    assert not list_limiter._running


def test_maximum_of_0_allows_any_number_of_lists() -> None:
    list_limiter = ListLimiter(None)
    with list_limiter.acquire("a"), list_limiter.acquire("a"), list_limiter.acquire(None):
        pass
