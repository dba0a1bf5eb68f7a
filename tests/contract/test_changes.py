# SPDX-License-Identifier: Apache-2.0
"""Create, get, replace and delete documents: tokens, versions, and the errors of failed changes."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from freezer_api.errors import AlreadyExists, Conflict
from freezer_api.repository import query as q
from tests.contract.asking import ACTIONS, JOBS, exactly, found, is_, job, keep

SECRET = "a value that no error may show"


def test_create_returns_the_stored_document(repository):
    created = repository.create(JOBS, "one", job("one"))

    assert created == repository.get(JOBS, "one")
    assert (created.key, created.document, created.version) == ("one", job("one"), 1)


def test_create_refuses_a_taken_key_and_leaves_its_document(repository):
    first = repository.create(JOBS, "one", job("one", n=1))

    with pytest.raises(AlreadyExists) as caught:
        repository.create(JOBS, "one", job("one", n=SECRET))

    assert not isinstance(caught.value, Conflict)
    assert SECRET not in str(caught.value)
    assert repository.get(JOBS, "one") == first


def test_search_still_finds_the_document_of_a_taken_key(repository):
    together = threading.Barrier(4)

    def create(key):
        together.wait()
        try:
            repository.create(JOBS, key, job(key))
        except AlreadyExists:
            return found(repository, is_("job_id", key))
        return [key]

    with ThreadPoolExecutor(4) as threads:
        for number in range(10):
            key = f"job{number}"
            assert list(threads.map(create, [key] * 4)) == [[key]] * 4


def test_same_key_in_two_kinds_refers_to_two_documents(repository):
    a_job = repository.create(JOBS, "one", job("one"))
    an_action = repository.create(ACTIONS, "one", {"action_id": "one"})
    repository.delete(JOBS, "one", a_job.token)

    assert repository.get(JOBS, "one") is None
    assert repository.get(ACTIONS, "one") == an_action


def test_changes_of_the_callers_object_do_not_change_the_store(repository):
    document = job("one", list=[1])
    repository.create(JOBS, "one", document)
    document["list"].append(2)
    repository.get(JOBS, "one").document["list"].append(3)

    assert repository.get(JOBS, "one").document["list"] == [1]


def test_version_starts_at_1_and_increases_by_1(repository):
    stored = repository.create(JOBS, "one", job("one"))
    versions, tokens = [stored.version], {stored.token}
    for n in range(4):
        stored = repository.replace(JOBS, "one", job("one", n=n), stored.token)
        assert stored == repository.get(JOBS, "one")
        versions.append(stored.version)
        tokens.add(stored.token)

    assert versions == [1, 2, 3, 4, 5]
    assert len(tokens) == 5


def test_replace_removes_all_values_of_the_old_document(repository):
    stored = repository.create(JOBS, "one", job("one", gone="yes"))
    repository.replace(JOBS, "one", job("one", client_id="other", now="yes"), stored.token)

    assert repository.get(JOBS, "one").document == job("one", client_id="other", now="yes")
    assert found(repository, is_("gone", "yes")) == found(repository, is_("client_id", "host")) == []
    assert found(repository, is_("now", "yes")) == found(repository, is_("client_id", "other")) == ["one"]


def test_replace_with_an_equal_document_increments_the_version(repository):
    stored = repository.create(JOBS, "one", job("one"))
    again = repository.replace(JOBS, "one", job("one"), stored.token)

    assert (again.version, again.token == stored.token) == (2, False)


@pytest.fixture(params=["replace", "delete"])
def change(request, repository):
    """Return a call that replaces or deletes the job ``one`` if the token is current."""
    if request.param == "delete":
        return lambda token: repository.delete(JOBS, "one", token)
    return lambda token: repository.replace(JOBS, "one", job("one", n=SECRET), token)


def test_stale_token_is_a_conflict(repository, change):
    old = repository.create(JOBS, "one", job("one"))
    current = repository.replace(JOBS, "one", job("one", n=2), old.token)

    with pytest.raises(Conflict) as caught:
        change(old.token)

    assert SECRET not in str(caught.value)
    assert repository.get(JOBS, "one") == current
    assert found(repository, is_("n", 2)) == ["one"]


def test_token_of_a_deleted_document_is_a_conflict(repository, change):
    stored = repository.create(JOBS, "one", job("one"))
    repository.delete(JOBS, "one", stored.token)

    with pytest.raises(Conflict):
        change(stored.token)

    assert repository.get(JOBS, "one") is None
    assert found(repository) == []


def test_token_is_not_valid_for_a_document_created_again(repository, change):
    old = repository.create(JOBS, "one", job("one"))
    repository.delete(JOBS, "one", old.token)
    new = repository.create(JOBS, "one", job("one"))

    assert new.version == 1
    with pytest.raises(Conflict):
        change(old.token)
    assert repository.get(JOBS, "one") == new


def test_token_of_another_key_is_a_conflict(repository, change):
    one, other = keep(repository, "one", "other")

    with pytest.raises(Conflict):
        change(other.token)

    assert repository.get(JOBS, "one") == one
    assert repository.get(JOBS, "other") == other


def test_token_is_valid_in_other_processes(repository, opened):
    stored = repository.create(JOBS, "one", job("one"))
    elsewhere = opened()

    assert elsewhere.get(JOBS, "one").token == stored.token
    assert elsewhere.replace(JOBS, "one", job("one"), stored.token).version == 2


def test_deleted_document_is_not_found(repository):
    one, _other = keep(repository, "one", "other")
    repository.delete(JOBS, "one", one.token)

    assert repository.get(JOBS, "one") is None
    assert found(repository) == found(repository, q.HasWords(None, ("ann",))) == ["other"]
    assert repository.create(JOBS, "one", job("one")).version == 1
    assert found(repository) == ["other", "one"]


ODD_TEXTS = (
    *("", " ", "one ", "ONE", "o%e", "o_e", "one\0", "\0", "one\n", "'", '"', "\\", "../one", "%00", "{}", "*"),
    *("\N{GRINNING FACE}", "o\u0308ne", "\ufeffone", "\ud800", "one\udfff", "one" * 20_000),
    "one' OR '1'='1",
)


@pytest.mark.parametrize("text", ODD_TEXTS, ids=ascii)
def test_get_of_any_missing_key_is_not_found(repository, text):
    one = repository.create(JOBS, "one", job("one"))

    assert repository.get(JOBS, text) is None
    assert found(repository, is_("job_id", text[:1000])) == []
    assert found(repository, is_("user_id", text[:1000])) == []
    assert found(repository, is_("free", text[:1000])) == []
    for change in (
        lambda: repository.replace(JOBS, text, {}, one.token),
        lambda: repository.delete(JOBS, text, one.token),
    ):
        with pytest.raises(Conflict):
            change()
    assert exactly(repository.get(JOBS, "one").document, one.document)


@pytest.mark.parametrize("key", ["A", "a", "-", "_", "0", "a" * 255, "ann/p_host.example.org", "red|" + "h" * 500])
def test_keys_are_case_sensitive_and_may_be_long(repository, key):
    repository.create(JOBS, key, job(key))

    assert repository.get(JOBS, key).key == key
    assert found(repository) == found(repository, is_("job_id", key)) == [key]
    assert repository.get(JOBS, key.swapcase() + "x") is None


def test_check_accepts_a_current_store(repository):
    repository.check()
