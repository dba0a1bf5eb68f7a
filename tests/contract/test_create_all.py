# SPDX-License-Identifier: Apache-2.0
"""``create_all`` creates several documents in their order, with the same result as calls of ``create``."""

from tests.contract.asking import JOBS, found, job, keep


def test_documents_are_created_in_their_order(repository, opened):
    keep(repository, "first")
    documents = {key: job(key) for key in ("c", "a", "b")}
    created = repository.create_all(JOBS, documents)
    keep(repository, "last")

    assert {key: stored.document for key, stored in created.items()} == documents
    assert found(opened()) == ["first", "c", "a", "b", "last"]
    for key, stored in created.items():
        assert repository.get(JOBS, key) == stored
        assert stored.version == 1


def test_documents_with_taken_keys_are_not_created(repository):
    (there,) = keep(repository, "there")
    created = repository.create_all(JOBS, {key: job(key, n=1) for key in ("one", "there", "two")})

    assert created.keys() == {"one", "two"}
    assert repository.get(JOBS, "there") == there
    assert found(repository) == ["there", "one", "two"]


def test_created_documents_can_be_changed(repository):
    created = repository.create_all(JOBS, {key: job(key) for key in ("one", "two")})
    repository.delete(JOBS, "one", created["one"].token)
    replaced = repository.replace(JOBS, "two", job("two", n=2), created["two"].token)

    assert repository.get(JOBS, "two") == replaced
    assert found(repository) == ["two"]


def test_documents_of_many_megabytes_are_created(repository):
    documents = {f"job{n}": job(f"job{n}", text=f"{n} " + "word " * 200_000) for n in range(8)}

    assert repository.create_all(JOBS, documents).keys() == documents.keys()
    assert found(repository) == list(documents)


def test_create_all_of_no_documents_succeeds(repository):
    assert repository.create_all(JOBS, {}) == {}
