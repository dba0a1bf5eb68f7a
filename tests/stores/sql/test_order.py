# SPDX-License-Identifier: Apache-2.0
"""SQL databases serialize creations, so that documents become visible in the order of their creation time."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from freezer_api.repository import query as q
from freezer_api.repository.protocol import Repository
from tests.contract.asking import JOBS, found, job, keys_of
from tests.contract.conftest import address, opened, repository
from tests.contract.drivers import Driver, find_driver
from tests.support.needs import SQL, on

__all__ = ["address", "opened", "repository"]


@pytest.fixture(params=on("sqlite", *SQL))
def driver(request: pytest.FixtureRequest) -> Driver:
    return find_driver(request.param)


def _create_many(repository: Repository, name: str) -> None:
    for n in range(20):
        repository.create(JOBS, f"{name}{n}", job("any"))


def test_reader_that_continues_after_a_position_misses_no_document(opened: Callable[[], Repository]) -> None:
    repository = opened()
    with ThreadPoolExecutor(4) as threads:
        writing = [threads.submit(_create_many, opened(), name) for name in "abcd"]
        seen: list[str] = []
        after = None
        while len(seen) < 48:
            page = repository.search(JOBS, q.Query(limit=3, after=after))
            if page.next is not None:
                seen += keys_of(page)
                after = page.next
        for one in writing:
            one.result()
    seen += keys_of(repository.search(JOBS, q.Query(limit=1000, after=after)))

    assert len(seen) == 80
    assert seen == found(repository)


def test_creations_of_many_threads_become_visible_in_order(repository: Repository) -> None:
    end = threading.Event()
    lists = []

    def _watch() -> None:
        while not end.is_set():
            lists.append(keys_of(repository.search(JOBS, q.Query(limit=1000))))

    with ThreadPoolExecutor(9) as threads:
        watching = threads.submit(_watch)
        for one in [threads.submit(_create_many, repository, name) for name in "abcdefgh"]:
            one.result()
        end.set()
        watching.result()

    whole = found(repository)
    assert len(whole) == 8 * 20
    assert all(seen == whole[: len(seen)] for seen in lists)
