# SPDX-License-Identifier: Apache-2.0
"""``restore`` writes documents of another store with their version and order, and never replaces existing ones."""

from freezer_api.repository.protocol import Original
from tests.contract.asking import ACTIONS, JOBS, exactly, found, is_, job, keep
from tests.contract.test_documents import DOCUMENTS
from tests.contract.test_processes import together


def original(key, version=1, created=1, **more):
    return Original(key, job(key, **more), version, created)


def test_documents_are_restored_with_their_version_and_their_time(repository, opened):
    originals = [original("a", 7, 30), original("b", 1, 10), original("c", 2**31 - 1, 20)]

    assert repository.restore(JOBS, originals) == [True, True, True]
    assert found(opened()) == ["b", "c", "a"]
    for key, document, version, created in originals:
        stored = repository.get(JOBS, key)
        assert (stored.document, stored.version, stored.created) == (document, version, created)


def test_documents_restored_with_the_same_time_are_ordered_by_key(repository):
    keep(repository, "0")
    repository.restore(JOBS, [original(key, created=1_400_000_000_000_000) for key in ("b", "d", "a", "c")])

    assert found(repository) == ["a", "b", "c", "d", "0"]


def test_restore_keeps_existing_documents(repository):
    (there,) = keep(repository, "there")
    outcomes = repository.restore(JOBS, [original("there", n=1), original("new", n=1), original("new", n=1)])

    assert outcomes[0] is False
    assert sorted(outcomes[1:]) == [False, True]
    assert repository.get(JOBS, "there") == there
    assert found(repository, is_("n", 1)) == ["new"]


def test_restoring_again_changes_nothing(repository):
    originals = [original(f"job{n:03}", n + 1, n) for n in range(300)]
    assert repository.restore(JOBS, originals[:150]) == [True] * 150
    assert repository.restore(JOBS, originals) == [False] * 150 + [True] * 150
    before = [repository.get(JOBS, original.key) for original in originals]

    assert repository.restore(JOBS, originals) == [False] * 300
    assert [repository.get(JOBS, original.key) for original in originals] == before
    assert found(repository) == [original.key for original in originals]


def test_restore_of_no_documents_succeeds(repository):
    assert repository.restore(JOBS, []) == []


def test_restored_documents_are_returned_exactly(repository):
    originals = [Original(f"k{n}", document, 1, n) for n, document in enumerate(DOCUMENTS.values())]

    assert all(repository.restore(ACTIONS, originals))
    for key, document, *_ in originals:
        assert exactly(repository.get(ACTIONS, key).document, document)


def test_documents_of_many_megabytes_are_restored(repository):
    originals = [original(f"job{n}", created=n, text=f"{n} " + "word " * 200_000) for n in range(12)]

    assert all(repository.restore(JOBS, originals))
    assert found(repository) == [original.key for original in originals]


def test_restored_documents_can_be_changed(repository):
    repository.restore(JOBS, [original("one", 5, n=1), original("two", 5)])
    one, two = (repository.get(JOBS, key) for key in ("one", "two"))
    replaced = repository.replace(JOBS, "one", job("one", n=2), one.token)
    repository.delete(JOBS, "two", two.token)

    assert (replaced.version, replaced.created) == (6, one.created)
    assert repository.get(JOBS, "one") == replaced
    assert found(repository, is_("n", 1)) == []
    assert found(repository) == found(repository, is_("n", 2)) == ["one"]


def test_one_of_many_concurrent_processes_restores_the_document(repository, processes):
    originals = [original(f"job{n}", created=n) for n in range(100)]
    answers = together(processes, *(("restore", "jobs", originals[n : n + 20]) for n in range(0, 100, 20)))
    outcomes = [[is_new for batch in answer for is_new in batch] for answer in answers]

    assert [sum(each) for each in zip(*outcomes, strict=True)] == [1] * 100
    assert found(repository) == [original.key for original in originals]


def test_restored_documents_are_visible_to_every_process(repository, processes):
    for number, process in enumerate(processes):
        assert process.do("restore", "jobs", [original(f"job{number}", created=number)]) == [True]
        for reader in processes:
            stored = reader.do("get", "jobs", f"job{number}")
            assert stored == repository.get(JOBS, f"job{number}")
    assert found(repository) == [f"job{number}" for number in range(len(processes))]


def test_killed_restore_leaves_complete_documents(repository, mortal):
    originals = [original(f"job{n:04}", created=n, text="word " * 1000) for n in range(600)]
    batches = [originals[n : n + 50] for n in range(0, len(originals), 50)]
    mortal.start(*(("restore", "jobs", batch) for batch in batches), one_by_one=True)
    results = mortal.answer()
    mortal.kill()
    there = set(found(repository, limit=5000))

    assert results == [True] * 50
    assert {original.key for original in originals[:50]} <= there
    assert repository.restore(JOBS, originals) == [original.key not in there for original in originals]
    assert found(repository, limit=5000) == [original.key for original in originals]
