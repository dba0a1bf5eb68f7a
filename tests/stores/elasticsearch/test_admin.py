# SPDX-License-Identifier: Apache-2.0
"""Administration of indices: create, upgrade in place, show, change settings, remove."""

from dataclasses import replace

import pytest

from freezer_api.errors import CommandError
from freezer_api.repository import query as q
from freezer_api.repository.elastic.layout import LAYOUTS, RELEASE, Layout
from tests.contract.asking import CLIENTS, JOBS, found, is_, job, keep
from tests.stores.elasticsearch.place import ALL, WITH_ANOTHER_FIELD, WITHOUT_A_LIST, Counted, never

JOBS_1 = "{}-jobs-000001"


@pytest.fixture
def name(place):
    """Return a function that inserts the prefix of the store into a name."""
    return place.named


def test_fault_98_sync_creates_a_current_store(place, name):
    place.sync(kinds=ALL)

    place.repository().check()
    assert place.indices() == {
        name(f"{{}}-{kind}-000001"): [name(f"{{}}-{kind}"), name(f"{{}}-{kind}-000001-write")]
        for kind in sorted(ALL)
    }


def test_current_store_is_unchanged(place):
    place.sync(kinds=ALL)
    keep(place.repository(), "one")
    before = place.admin().show()
    place.sync(kinds=ALL)

    assert place.admin().show() == before


def test_plan_of_a_sync_changes_nothing(place, name):
    admin = place.admin()
    assert admin.pending(["jobs"]) == [name("{}-jobs: {}-jobs-000001 would be created")]
    place.sync(WITHOUT_A_LIST)
    assert admin.pending(["jobs"]) == [name("{}-jobs: the mapping of {}-jobs-000001 would be extended")]
    place.sync()
    assert admin.pending(["jobs"]) == []
    assert place.admin(WITH_ANOTHER_FIELD).pending(["jobs"]) == [
        name("{}-jobs: the mapping of {}-jobs-000001 would be extended")
    ]
    place.sync(WITH_ANOTHER_FIELD)
    assert admin.pending(["jobs"]) == [name("{}-jobs: {}-jobs-000001 would be copied into {}-jobs-000002")]
    assert list(place.indices()) == [name(JOBS_1)]


def test_new_field_is_added_in_place_and_indexes_old_documents(place, name):
    place.sync(WITHOUT_A_LIST)
    place.fill(WITHOUT_A_LIST["jobs"], 450)
    repository = place.repository()
    assert found(repository, is_("client_id", "host")) == []
    before = repository.get(JOBS, "job7")
    place.sync()

    assert list(place.indices()) == [name(JOBS_1)]
    assert len(found(repository, is_("client_id", "host"))) == 450
    waiting = q.Not(is_("job_schedule.status", "completed"))
    assert len(found(repository, is_("client_id", "host"), waiting)) == 450
    after = repository.get(JOBS, "job7")
    assert (after.document, after.version) == (before.document, before.version)


def test_sync_upgrades_documents_written_by_old_release(place):
    place.sync(WITHOUT_A_LIST)
    place.sync()
    place.fill(WITHOUT_A_LIST["jobs"], 3)
    place.sync()

    assert found(place.repository(), is_("client_id", "host")) == ["job0", "job1", "job2"]


@pytest.mark.parametrize("layouts", [WITHOUT_A_LIST, WITH_ANOTHER_FIELD], ids=["in place", "copied"])
def test_reindexed_documents_have_the_configured_number_of_values(place, layouts):
    place.sync(layouts)
    place.fill(layouts["jobs"], 3)
    assert found(place.repository(), is_("n", 1)) == ["job1"]
    place.sync(max_values=1)

    repository = place.repository()
    assert found(repository, is_("client_id", "host")) == ["job0", "job1", "job2"]
    assert found(repository, is_("n", 1)) == []


def test_sync_keeps_documents_replaced_during_the_upgrade(place):
    place.sync(WITHOUT_A_LIST)
    place.fill(WITHOUT_A_LIST["jobs"], 450)
    repository = place.repository()
    written = []

    def _replace(made):
        if made == 7:
            seen = repository.get(JOBS, "job449")
            written.append(repository.replace(JOBS, "job449", job("job449", n="new"), seen.token))
            repository.delete(JOBS, "job448", repository.get(JOBS, "job448").token)

    connection = place.connect(Counted)
    connection.happening = _replace
    place.sync(connection=connection)

    assert repository.get(JOBS, "job449") == written[0]
    assert repository.get(JOBS, "job448") is None
    assert len(found(repository, is_("client_id", "host"))) == 449


@pytest.mark.parametrize(
    "meta", [None, {"freezer": "text"}, {"freezer": {"kind": "jobs"}}, {"freezer": {"kind": "x"}}]
)
def test_foreign_index_with_the_name_is_unchanged(place, name, meta):
    place.request("PUT", "/{}-jobs", {"mappings": {"_meta": meta} if meta else {}})
    for attempt in (
        place.sync,
        lambda: place.admin().remove(["jobs"]),
        lambda: place.admin().pending(["jobs"]),
    ):
        with pytest.raises(CommandError, match="was not created by this service"):
            attempt()
    assert list(place.indices()) == [name("{}-jobs")]


def test_erase_removes_the_foreign_index_behind_the_alias(place, name):
    place.sync()
    keep(place.repository(), "one")
    place.request("PUT", "/{}-aaa", {"aliases": {name("{}-jobs"): {}}})
    place.admin().sync(["jobs"], lambda question: True)

    assert list(place.indices()) == [name(JOBS_1)]
    assert found(place.repository()) == ["one"]


def test_alias_with_two_indices_of_the_service_is_refused(place, name):
    place.sync()
    mappings = place.request("GET", "/{}-jobs")[name(JOBS_1)]["mappings"]
    place.request("PUT", "/{}-jobs-000004", {"aliases": {name("{}-jobs"): {}}, "mappings": mappings})
    with pytest.raises(CommandError, match=r"has several indices: .*-jobs-000001, .*-jobs-000004"):
        place.sync()
    assert len(place.indices()) == 2
    assert place.admin().remove(["jobs"]) == ["jobs"]
    assert place.indices() == {}


def test_index_that_lost_its_alias_is_refused(place, name):
    place.sync()
    alias = {"index": name(JOBS_1), "alias": name("{}-jobs")}
    place.request("POST", "/_aliases", {"actions": [{"remove": alias}]})
    for attempt in (place.sync, lambda: place.admin().pending(["jobs"])):
        with pytest.raises(CommandError, match=r"-jobs is missing, but not its indices: .*-jobs-000001"):
            attempt()
    assert list(place.admin().show()) == [name(JOBS_1)]
    place.request("POST", "/_aliases", {"actions": [{"add": alias}]})
    place.sync()


def test_store_of_a_newer_release_is_unchanged(place):
    place.sync()
    meta = {**LAYOUTS["jobs"].meta, "release": RELEASE + 1}
    place.request("PUT", "/{}-jobs-000001/_mapping", {"_meta": {"freezer": meta}})
    before = place.admin().show()
    for attempt in (place.sync, lambda: place.admin().pending(["jobs"])):
        with pytest.raises(CommandError, match="-jobs-000001 was created by a newer release"):
            attempt()
    assert place.admin().show() == before


def test_fault_99_indices_of_others_are_unchanged(place, name):
    place.sync(kinds=ALL)
    longer = replace(place, prefix=f"{place.prefix}-jobs")
    longer.sync()
    keep(longer.repository(), "other")
    place.request("PUT", "/{}-jobs-000007")
    place.request("PUT", "/{}-jobs-archive")
    place.admin().remove(ALL)

    assert list(place.indices()) == [
        name("{}-jobs-000007"),
        name("{}-jobs-archive"),
        name("{}-jobs-jobs-000001"),
    ]
    assert found(longer.repository()) == ["other"]
    place.sync()
    assert name("{}-jobs-000008") in place.indices()


def test_sync_creates_the_removed_indices_of_some_kinds_again(place):
    place.sync(kinds=ALL)
    repository = place.repository()
    keep(repository, "one")
    repository.create(CLIENTS, "c", {"client": {"client_id": "c"}})
    admin = place.admin()

    assert admin.remove(["jobs"], test_only=True) == ["jobs"]
    assert found(repository) == ["one"]
    assert admin.remove(["jobs"]) == ["jobs"]
    assert admin.remove(["jobs"]) == []
    assert found(repository, kind=CLIENTS) == ["c"]
    assert admin.remove(ALL) == [kind for kind in ALL if kind != "jobs"]
    assert admin.show() is None
    place.sync(kinds=ALL)
    assert found(repository) == []


def test_show_describes_the_indices(place, name):
    place.sync(kinds=ALL, replicas=1)
    keep(place.repository(), "one", "two")
    shown = place.admin().show()

    assert sorted(shown) == sorted(place.indices())
    jobs = shown[name(JOBS_1)]
    assert jobs.pop("size_in_bytes") > 0
    mappings = jobs.pop("mappings")
    assert mappings["properties"] == LAYOUTS["jobs"].mapping["properties"]
    assert jobs == {
        "aliases": [name("{}-jobs"), name("{}-jobs-000001-write")],
        "mapping_version": RELEASE,
        "mapping_digest": LAYOUTS["jobs"].meta["mapping"],
        "documents": 2,
        "replicas": 1,
    }


def test_index_removed_during_the_call_is_not_shown(place):
    place.sync(kinds=ALL)
    connection = place.connect(Counted)
    connection.happening = lambda made: made == 1 and place.request("DELETE", "/{}-backups-000001")

    assert len(place.admin(connection=connection).show()) == len(ALL) - 1


def test_number_of_replicas_can_be_changed(place):
    with pytest.raises(CommandError, match="the index of backups does not exist: run 'freezer-manage db sync'"):
        place.admin().update_settings()
    place.sync(kinds=ALL)
    assert place.admin(replicas=2).update_settings() == "number_of_replicas is 2"
    assert {shown["replicas"] for shown in place.admin().show().values()} == {2}


def test_status_reports_pending_changes_and_size_limits(place):
    assert place.admin().pending(["jobs"]) == [place.named("{}-jobs: {}-jobs-000001 would be created")]
    place.sync(kinds=ALL)
    assert place.admin().pending(ALL) == []
    assert place.admin().size_limits() == {"http.max_content_length": 104857600}


def test_creation_that_the_server_refuses_is_reported_with_the_reason(place):
    broken = {**LAYOUTS, "jobs": Layout(replace(JOBS, name="jobs*"))}
    with pytest.raises(CommandError, match=r"refuses to create the index .*: invalid_index_name_exception"):
        place.admin(broken).sync(["jobs"], never)
