# SPDX-License-Identifier: Apache-2.0
"""If the process that copies an index is killed or paused at any call, another process takes over without loss."""

import os
import signal

import pytest

from freezer_api.errors import Unavailable
from freezer_api.repository.elastic.layout import LAYOUTS, copying_alias_of
from tests.contract.asking import JOBS, job, keep
from tests.stores.elasticsearch.place import WITH_ANOTHER_FIELD as OLD
from tests.stores.elasticsearch.place import Child, Marked, changed, documents

KEYS = [f"job{number}" for number in range(6)]


@pytest.fixture(autouse=True)
def _few_blocked(max_blocked):
    max_blocked(7)


def prepared(place, *, abandoned=False):
    """Create an index that must be copied, if ``abandoned`` with an unfinished copy. Return its documents."""
    place.clear()
    place.sync(OLD)
    for _ in range(2):
        place.fill(OLD["jobs"], len(KEYS))
    if abandoned:
        index = place.named("{}-jobs-000002")
        place.admin()._create(LAYOUTS["jobs"], index, {copying_alias_of(index): {}}, beats=0)
        place.request("PUT", "/{}-jobs-000001/_block/write")
    return {key: (1, job(key, n=number)) for number, key in enumerate(KEYS)}


def copied(place, repository, happening):
    """Copy the index, and change documents just before the block, unless ``happening`` returns true."""

    def _happening(made):
        ended = happening(made)
        if made == connection.blocking and not ended:
            repository.delete(JOBS, "job3", repository.get(JOBS, "job3").token)
            changed(repository, repository.get(JOBS, "job4"), n="changed")
            keep(repository, "created")

    connection = place.connect(Marked)
    connection.happening = _happening
    place.sync(connection=connection)
    return connection


def test_changes_just_before_the_block_are_copied(place):
    expected = prepared(place)
    copied(place, place.repository(), lambda _made: None)
    assert in_store(place.repository()) == after_changes(expected)


def after_changes(expected):
    new = {"job4": (2, job("job4", n="changed")), "created": (1, job("created"))}
    return {key: value for key, value in {**expected, **new}.items() if key != "job3"}


def in_store(repository):
    return {key: (version, document) for key, version, document in documents(repository)}


def written(repository):
    """Create documents while the copy is interrupted, and return them; none if the store refused the write."""
    try:
        keep(repository, "meanwhile")
    except Unavailable:
        return {}
    return {"meanwhile": (1, job("meanwhile"))}


def is_write(call):
    return not call.startswith("GET") and not any(word in call for word in ("_search", "_count", "_refresh"))


def interrupted(place, ending, chosen, *, abandoned=False):
    """Interrupt copies, each before one of the chosen calls, and complete each copy by another sync.

    Yield the interrupted child process and the documents that the store must have.
    """
    prepared(place, abandoned=abandoned)
    repository, impatient = place.repository(), place.repository(deadline=0.2)
    whole = copied(place, repository, lambda _made: None)
    for last in chosen(whole.calls):
        expected = prepared(place, abandoned=abandoned)
        child = Child(lambda last=last: copied(place, place.repository(), lambda made: made == last and ending()))
        child.stopped()
        if last > whole.blocking:
            expected = after_changes(expected)
        acknowledged = written(impatient)
        place.sync()
        found = in_store(repository)
        if not acknowledged and "meanwhile" in found:
            # If the store was slow, it may have performed a write although the response was late.
            acknowledged = {"meanwhile": (1, job("meanwhile"))}
        expected |= acknowledged
        assert found == expected, whole.calls[last]
        assert len(place.indices()) == 1
        yield child, expected
        keep(repository, "afterwards")


@pytest.mark.parametrize("abandoned", [False, True])
def test_sync_completes_a_copy_killed_at_any_call(place, abandoned):
    def _chosen(calls):
        # Only writes change the store, so it is enough to interrupt before calls that follow a write.
        return [0, *(number for number in range(1, len(calls)) if is_write(calls[number - 1]))]

    killed = list(interrupted(place, lambda: os._exit(9), _chosen, abandoned=abandoned))
    assert len(killed) >= 8


def test_copy_resumed_after_a_takeover_changes_no_document(place):
    def _pause():
        os.kill(os.getpid(), signal.SIGSTOP)
        return True

    def _chosen(calls):
        return [number for number, call in enumerate(calls) if is_write(call)]

    repository = place.repository()
    for child, expected in interrupted(place, _pause, _chosen):
        os.kill(child.pid, signal.SIGCONT)
        child.ended()
        assert in_store(repository) == expected
        assert len(place.indices()) == 1
