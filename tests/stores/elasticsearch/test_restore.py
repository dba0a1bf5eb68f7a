# SPDX-License-Identifier: Apache-2.0
"""Restore and create several documents while the store is busy or refuses them."""

import pytest

from freezer_api.errors import StoreFailed, Unavailable
from freezer_api.repository.elastic.repository import ElasticRepository
from freezer_api.repository.elastic.transport import Connection
from freezer_api.repository.protocol import Original
from tests.contract.asking import JOBS, found, job, keep
from tests.stores.elasticsearch.place import WITHOUT_A_LIST, Counted

ORIGINALS = [Original(f"job{number}", job(f"job{number}"), 1, number) for number in range(3)]


def block(place, blocked=True):
    """Set or remove the block that an index has while it is copied."""
    place.request("PUT", "/{}-jobs/_settings", {"index.blocks.write": blocked})


def test_restore_waits_while_the_index_is_blocked_by_a_copy(place):
    place.sync()
    block(place)
    pauses = []

    def _pause(seconds):
        pauses.append(seconds)
        block(place, len(pauses) < 3)

    repository = place.repository()
    repository._pause = _pause
    assert repository.restore(JOBS, ORIGINALS) == [True, True, True]
    assert pauses == [0.1, 0.2, 0.4]
    assert found(repository) == ["job0", "job1", "job2"]


def test_restore_is_unavailable_if_the_store_accepts_no_document(place, caplog):
    place.sync()
    block(place)
    pauses = []
    repository = place.repository()
    repository._pause = pauses.append
    with pytest.raises(Unavailable):
        repository.restore(JOBS, ORIGINALS)

    assert 5 < sum(pauses) < 15
    assert f"The store accepts no documents for {place.prefix}-jobs" in caplog.text
    block(place, False)
    assert found(repository) == []


def test_restore_sends_only_refused_documents_again(place):
    place.sync()
    repository = place.repository()
    keep(repository, "job1")
    block(place)
    waiting = place.repository()
    waiting._pause = lambda _seconds: block(place, False)

    assert waiting.restore(JOBS, ORIGINALS) == [True, False, True]
    assert sorted(found(repository)) == ["job0", "job1", "job2"]


def test_restore_does_not_create_a_missing_index(place, caplog):
    with pytest.raises(Unavailable):
        place.repository().restore(JOBS, ORIGINALS)

    assert "run 'freezer-manage db sync'" in caplog.text
    assert place.indices() == {}


def test_store_of_an_older_release_is_unavailable(place, caplog):
    place.sync(WITHOUT_A_LIST)
    with pytest.raises(Unavailable):
        place.repository().restore(JOBS, ORIGINALS)

    assert "The layout of the store does not match this release" in caplog.text


def test_refused_document_is_store_failed(place):
    place.sync()
    with pytest.raises(StoreFailed):
        place.repository().restore(JOBS, [Original("x" * 600, job("x"), 1, 1)])


def test_create_all_fails_at_once_if_the_store_is_busy(place, caplog):
    place.sync()
    block(place)
    pauses = []
    repository = place.repository()
    repository._pause = pauses.append
    with pytest.raises(Unavailable):
        repository.create_all(JOBS, {"one": job("one"), "two": job("two")})

    assert pauses == []
    assert f"The store accepts no documents for {place.prefix}-jobs" in caplog.text
    block(place, False)
    assert repository.create_all(JOBS, {"one": job("one"), "two": job("two")}).keys() == {"one", "two"}


def test_creation_is_unavailable_if_its_index_is_removed_meanwhile(place, caplog):
    place.sync()

    def _happening(made):
        if made == 1:
            place.clear()

    connection = place.connect(Counted)
    connection.happening = _happening
    with pytest.raises(Unavailable):
        ElasticRepository(connection, place.prefix).create(JOBS, "one", job("one"))

    assert "run 'freezer-manage db sync'" in caplog.text
    assert place.indices() == {}


class Repeating(Connection):
    """A connection that sends each PUT again, as after a lost response."""

    def answer(self, method, target, body=None):
        first = super().answer(method, target, body)
        return super().answer(method, target, body)._replace(repeated=True) if method == "PUT" else first


def test_repeated_creation_returns_the_document_of_the_first_attempt(place):
    place.sync()
    repository = ElasticRepository(place.connect(Repeating), place.prefix)
    created = repository.create(JOBS, "one", job("one"))

    assert created == repository.get(JOBS, "one")
