# SPDX-License-Identifier: Apache-2.0
"""Concurrent threads and processes: one of several changes to a version succeeds, and every reader sees it."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from freezer_api.errors import AlreadyExists, Conflict
from freezer_api.repository import query as q
from freezer_api.repository.protocol import Stored
from tests.contract.asking import JOBS, exactly, found, is_, job, keep, keys_of

THREADS = 16


def at_once(attempt):
    """Call ``attempt`` in many threads at the same moment. Return each result or class of the error."""
    barrier = Barrier(THREADS)

    def _attempt(number):
        barrier.wait()
        try:
            return attempt(number)
        except (AlreadyExists, Conflict) as error:
            return type(error)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(_attempt, range(THREADS)))


@pytest.mark.parametrize("round_", range(3))
def test_one_of_many_concurrent_threads_creates_the_document(repository, round_):
    outcomes = at_once(lambda number: repository.create(JOBS, "one", job("one", n=number)))
    (winner,) = (outcome for outcome in outcomes if isinstance(outcome, Stored))

    assert outcomes.count(AlreadyExists) == THREADS - 1
    assert repository.get(JOBS, "one") == winner
    assert found(repository) == ["one"]


@pytest.mark.parametrize("round_", range(3))
def test_one_of_many_concurrent_threads_replaces_the_document(repository, round_):
    token = repository.create(JOBS, "one", job("one")).token
    outcomes = at_once(lambda number: repository.replace(JOBS, "one", job("one", n=number), token))
    (winner,) = (outcome for outcome in outcomes if isinstance(outcome, Stored))

    assert outcomes.count(Conflict) == THREADS - 1
    assert repository.get(JOBS, "one") == winner
    assert winner.version == 2


def test_one_of_many_concurrent_replacements_and_deletions_succeeds(repository):
    token = repository.create(JOBS, "one", job("one")).token

    def _attempt(number):
        if number % 2:
            return repository.replace(JOBS, "one", job("one", n=number), token)
        return repository.delete(JOBS, "one", token)

    outcomes = at_once(_attempt)
    (winner,) = (outcome for outcome in outcomes if outcome is not Conflict)

    assert repository.get(JOBS, "one") == winner


def test_concurrent_increments_with_retries_are_all_stored(repository):
    repository.create(JOBS, "one", job("one", n=0))

    def _increment(_number):
        while True:
            stored = repository.get(JOBS, "one")
            try:
                return repository.replace(JOBS, "one", job("one", n=stored.document["n"] + 1), stored.token)
            except Conflict:
                continue

    versions = sorted(stored.version for stored in at_once(_increment))

    assert versions == list(range(2, THREADS + 2))
    assert repository.get(JOBS, "one").document["n"] == THREADS


def together(processes, *calls):
    """Start calls in all processes at the same time, and return their results."""
    for process in processes:
        process.start(*calls)
    return [process.answer() for process in processes]


def test_one_of_many_concurrent_processes_creates_the_document(repository, processes):
    keys = [f"job{n}" for n in range(40)]
    answers = together(processes, *(("create", "jobs", key, job(key)) for key in keys))

    for key, *outcomes in zip(keys, *answers, strict=True):
        (winner,) = (outcome for outcome in outcomes if isinstance(outcome, Stored))
        assert outcomes.count("AlreadyExists") == len(processes) - 1
        assert repository.get(JOBS, key) == winner
    assert found(repository) == keys


def test_one_of_many_concurrent_processes_replaces_the_document(repository, processes):
    stored = keep(repository, *(f"job{n}" for n in range(40)))
    answers = together(processes, *(("replace", "jobs", one.key, {"n": one.key}, one.token) for one in stored))

    for before, *outcomes in zip(stored, *answers, strict=True):
        (winner,) = (outcome for outcome in outcomes if isinstance(outcome, Stored))
        assert outcomes.count("Conflict") == len(processes) - 1
        assert repository.get(JOBS, before.key) == winner


def test_one_of_many_concurrent_processes_deletes_the_document(repository, processes):
    stored = keep(repository, *(f"job{n}" for n in range(40)))
    answers = together(processes, *(("delete", "jobs", one.key, one.token) for one in stored))

    for outcomes in zip(*answers, strict=True):
        assert sorted(map(str, outcomes)) == ["Conflict"] * (len(processes) - 1) + ["None"]
    assert found(repository) == []


def test_writes_are_visible_to_every_process_at_once(repository, processes):
    free = q.Query((is_("n", 7),), with_total=True)
    owned = q.Query((is_("user_id", "ann"),))
    for number, process in enumerate(processes):
        key = f"job{number}"
        written = process.do("create", "jobs", key, job(key, n=6))
        written = process.do("replace", "jobs", key, job(key, n=7), written.token)
        for reader in processes:
            assert reader.do("get", "jobs", key) == written
            assert keys_of(reader.do("search", "jobs", free)) == [key]
            assert reader.do("search", "jobs", free).total == 1
            assert list(reader.do("search", "jobs", owned).items) == [written]
        assert list(repository.search(JOBS, free).items) == [written]
        repository.delete(JOBS, key, written.token)
        for reader in processes:
            assert reader.do("get", "jobs", key) is None
            assert list(reader.do("search", "jobs", owned).items) == []


def test_reader_sees_each_document_once_while_others_create(repository, processes):
    there = {stored.key for stored in keep(repository, *(f"before{n}" for n in range(40)))}
    for number, process in enumerate(processes):
        process.start(*(("create", "jobs", f"job{number}x{n}", job("any", n=n)) for n in range(25)))
    seen, after = [], None
    while not there <= set(seen):
        page = repository.search(JOBS, q.Query(limit=3, after=after))
        seen += keys_of(page)
        after = page.next
    for process in processes:
        process.answer()

    assert len(seen) == len(set(seen))
    assert len(found(repository)) == 40 + 25 * len(processes)


@pytest.mark.parametrize("patience", [1, 7, 40])
def test_killed_process_leaves_complete_documents(repository, mortal, patience):
    document = job("one", text="word " * 3000)
    mortal.start(*(("create", "jobs", f"job{n}", {**document, "n": n}) for n in range(5000)), one_by_one=True)
    results = [mortal.answer() for _ in range(patience)]
    mortal.kill()
    kept = repository.search(JOBS, q.Query(limit=5000, with_total=True))

    assert list(kept.items[: len(results)]) == results
    for number, stored in enumerate(kept.items):
        assert exactly(stored.document, {**document, "n": number})
        assert found(repository, is_("n", number)) == [stored.key]
    assert repository.create(JOBS, "next", job("next")).version == 1
