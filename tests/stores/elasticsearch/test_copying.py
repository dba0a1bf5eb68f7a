# SPDX-License-Identifier: Apache-2.0
"""Copies of indices whose mapping cannot be changed in place, while clients read and write."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from elastic_transport import ConnectionTimeout, NodePool, Urllib3HttpNode
from elastic_transport.client_utils import url_to_node_config

from freezer_api.errors import AlreadyExists, CommandError, Conflict, StoreFailed
from freezer_api.repository import query as q
from freezer_api.repository.admin import silent
from freezer_api.repository.elastic import bulk, copying
from freezer_api.repository.elastic.layout import copying_alias_of
from tests.contract.asking import JOBS, found, is_, job, keep
from tests.stores.elasticsearch.place import (
    LAYOUTS,
    WITH_ANOTHER_FIELD,
    Counted,
    Marked,
    changed,
    documents,
    never,
)

OLD = WITH_ANOTHER_FIELD
FIRST, SECOND = "{}-jobs-000001", "{}-jobs-000002"


class Writers:
    """Threads that create, replace and delete their own jobs. ``last``: the last acknowledged state by key."""

    def __init__(self, repository, seed):
        self.last = {}
        self.done = 0
        self._repository = repository
        self._seed = seed
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor(4)
        self._running = [
            *(self._threads.submit(self._write, number) for number in range(3)),
            self._threads.submit(self._read),
        ]

    def _write(self, number):
        chance = random.Random(self._seed + number)
        old = [key for position, key in enumerate(f"job{n}" for n in range(300)) if position % 3 == number]
        mine = {key: self._repository.get(JOBS, key) for key in old}
        while not self._stop.is_set():
            key = chance.choice([*mine, f"new{number}x{self.done}"])
            mine[key] = self._changed(mine.get(key), key, chance)
            self.last[key] = mine[key] and (mine[key].version, mine[key].document)
            self.done += 1

    def _changed(self, stored, key, chance):
        try:
            if stored is None:
                return self._repository.create(JOBS, key, job(key, n=self.done))
            if chance.random() < 0.4:
                return self._repository.delete(JOBS, key, stored.token)
            return changed(self._repository, stored, n=self.done)
        except Conflict:
            # The token belongs to the old index: read the document again, as the operations of the service do.
            return self._repository.get(JOBS, key)

    def _read(self):
        sample = q.Query((is_("client_id", "host"),), limit=5)
        while not self._stop.is_set():
            assert self._repository.get(JOBS, "steady") is not None
            assert len(self._repository.search(JOBS, sample).items) == 5

    def stop(self):
        self._stop.set()
        for running in self._running:
            running.result(60)
        self._threads.shutdown()


def test_no_write_is_lost_while_an_index_is_copied(every_place, max_blocked):
    place = every_place
    max_blocked(100)
    place.sync(OLD)
    place.fill(OLD["jobs"], 800, created=lambda number: 1_000_000 + number // 3)
    repository = place.repository(deadline=20.0)
    keep(repository, "steady")
    before = {key: (version, document) for key, version, document in documents(repository)}
    order = list(before)
    writers = Writers(repository, seed=7)
    while writers.done < 20:
        time.sleep(0.01)
    begun = writers.done
    place.sync()
    during = writers.done - begun
    writers.stop()

    assert during > 0
    assert list(place.indices()) == [place.named(SECOND)]
    after = documents(repository)
    wanted = {**before, **writers.last}
    assert {key: (version, document) for key, version, document in after} == {
        key: value for key, value in wanted.items() if value is not None
    }
    untouched = {key for key in before if key not in writers.last}
    assert [key for key, _, _ in after if key in untouched] == [key for key in order if key in untouched]


def test_token_of_the_old_index_is_a_conflict(place):
    place.sync(OLD)
    repository = place.repository()
    one, two = keep(repository, "one", "two")
    place.sync()

    with pytest.raises(Conflict):
        changed(repository, one)
    with pytest.raises(Conflict):
        repository.delete(JOBS, "two", two.token)
    with pytest.raises(AlreadyExists):
        keep(repository, "one")
    again = repository.get(JOBS, "one")
    assert (again.document, again.version) == (one.document, one.version)
    assert changed(repository, again, n=1).version == 2


def test_documents_are_found_by_the_fields_of_the_new_mapping(place):
    place.sync(OLD)
    place.fill(OLD["jobs"], 30)
    place.sync()

    assert len(found(place.repository(), is_("client_id", "host"))) == 30
    mappings = place.request("GET", f"/{SECOND}")[place.named(SECOND)]["mappings"]
    assert mappings["properties"] == LAYOUTS["jobs"].mapping["properties"]
    assert mappings["_meta"] == {"freezer": LAYOUTS["jobs"].meta}
    assert place.indices() == {place.named(SECOND): [place.named("{}-jobs"), place.named(f"{SECOND}-write")]}


def test_progress_of_a_copy_is_reported(place):
    place.sync(OLD)
    place.fill(OLD["jobs"], 500)
    tasks = []

    @contextmanager
    def task(label, total):
        tasks.append((label, total, []))
        yield tasks[-1][2].append

    place.admin().sync(["jobs"], never, task)
    assert [(label, total, sum(done)) for label, total, done in tasks] == [
        (place.named(f"Copying {FIRST}"), 500, 500),
    ]


def test_empty_index_is_replaced_by_a_new_one(place):
    place.sync(OLD)
    place.sync()
    assert list(place.indices()) == [place.named(SECOND)]


@pytest.mark.parametrize("documents_at_most", [1, 7, 1000])
def test_documents_deleted_during_a_copy_stay_deleted(place, max_blocked, documents_at_most):
    max_blocked(documents_at_most)
    place.sync(OLD)
    place.fill(OLD["jobs"], 120, created=lambda number: (number % 4) * 10 if number < 100 else 10**15 + number)
    repository = place.repository()
    gone = ["job0", "job1", "job5", "job6", "job50", "job99", "job100", "job119"]

    def _meanwhile(made):
        # All documents have been copied once, and the next call blocks the index.
        if made == connection.blocking:
            for key in gone:
                repository.delete(JOBS, key, repository.get(JOBS, key).token)
            keep(repository, "job50")

    connection = place.connect(Marked)
    connection.happening = _meanwhile
    place.sync(connection=connection)

    left = [f"job{number}" for number in range(120) if f"job{number}" not in gone]
    by_time = sorted(left, key=lambda key: (_created(int(key[3:])), key))
    assert [key for key in found(repository) if key != "job50"] == by_time
    assert repository.get(JOBS, "job50").version == 1


def _created(number):
    return (number % 4) * 10 if number < 100 else 10**15 + number


def test_all_documents_deleted_during_a_copy_stay_deleted(place, max_blocked):
    max_blocked(5)
    place.sync(OLD)
    place.fill(OLD["jobs"], 20)
    repository = place.repository()

    def _meanwhile(made):
        if made == connection.blocking:
            for key in found(repository):
                repository.delete(JOBS, key, repository.get(JOBS, key).token)

    connection = place.connect(Marked)
    connection.happening = _meanwhile
    place.sync(connection=connection)

    assert found(repository) == []


def test_copy_that_differs_from_the_source_is_not_used(place, max_blocked):
    max_blocked(5)
    place.sync(OLD)
    place.fill(OLD["jobs"], 20)

    def _meanwhile(made):
        if made == connection.blocking:
            place.request("PUT", f"/{SECOND}/_doc/stray?refresh=true", {"created": None})

    connection = place.connect(Marked)
    connection.happening = _meanwhile
    with pytest.raises(StoreFailed):
        place.sync(connection=connection)
    repository = place.repository()
    assert len(found(repository)) == 20
    keep(repository, "written")
    place.sync()
    assert len(found(repository)) == 21


def test_large_documents_are_copied(place):
    place.sync(OLD)
    repository = place.repository(deadline=20.0)
    keep(repository, *(f"job{number}" for number in range(7)), text="x" * 1_000_000)
    before = documents(repository)
    place.sync()
    assert documents(repository) == before


def test_refused_bulk_request_is_store_failed(place):
    place.sync()
    connection = place.connect()
    with pytest.raises(StoreFailed):
        list(bulk.pages(connection, place.named("{}-nothing"), {"sort": [{"created": "asc"}]}))
    with pytest.raises(StoreFailed):
        bulk.write(connection, [({"explode": {"_index": place.named(FIRST)}}, None)])
    with pytest.raises(StoreFailed):
        bulk.write(connection, [({"index": {"_index": place.named(FIRST)}}, {"unknown": 1})])
    line = {"create": {"_index": place.named(FIRST), "_id": "one"}}
    bulk.write(connection, [(line, {"key": "one"}), (line, {"key": "one"})])


def begun(place):
    """Begin a copy and do not continue it."""
    index = place.named(SECOND)
    assert place.admin()._create(LAYOUTS["jobs"], index, {copying_alias_of(index): {}}, beats=0)
    return copying.Copy(place.connect(), place.prefix, LAYOUTS["jobs"], place.named(FIRST), index)


def test_copy_in_progress_is_detected_by_its_heartbeat(place, monkeypatch):
    place.sync(OLD)
    place.fill(OLD["jobs"], 2)
    copy, index, connection = begun(place), place.named(SECOND), place.connect(Counted)

    def _beat(made):
        if made == 3:
            copy._last_heartbeat -= 2
            copy._write_heartbeat()

    connection.happening = _beat
    monkeypatch.setattr(copying, "HEARTBEAT_TIMEOUT", 60.0)
    assert copying.is_in_progress(connection, index)
    assert len(connection.calls) == 4
    monkeypatch.setattr(copying, "HEARTBEAT_TIMEOUT", 0.0)
    assert not copying.is_in_progress(place.connect(), index)
    copy.run()
    assert copying.is_in_progress(place.connect(), index)
    assert copying.is_in_progress(place.connect(), place.named(FIRST))


def test_copy_is_abandoned_after_a_takeover(place):
    place.sync(OLD)
    place.fill(OLD["jobs"], 20)
    copy = begun(place)
    place.sync()
    with pytest.raises(CommandError, match="another process has taken over"):
        copy.run()
    assert list(place.indices()) == [place.named("{}-jobs-000003")]


def test_copy_is_abandoned_after_a_takeover_before_the_block(place):
    place.sync(OLD)
    place.fill(OLD["jobs"], 20)
    connection = place.connect(Marked)
    connection.happening = lambda made: made == connection.blocking and place.sync()
    with pytest.raises(CommandError, match="another process has taken over"):
        place.sync(connection=connection)
    keep(place.repository(), "written")
    assert list(place.indices()) == [place.named("{}-jobs-000003")]


def test_next_sync_completes_an_interrupted_removal_of_a_copy(place):
    place.sync(OLD)
    place.fill(OLD["jobs"], 20)
    copy, index = begun(place), place.named(SECOND)
    action = {"remove": {"index": index, "alias": copying_alias_of(index)}}
    place.request("POST", "/_aliases", {"actions": [action]})
    with pytest.raises(CommandError, match="another process has taken over"):
        copy.run()
    place.sync()
    assert list(place.indices()) == [place.named("{}-jobs-000003")]


def test_copy_that_another_process_finished_is_kept(place):
    place.sync(OLD)
    place.fill(OLD["jobs"], 20)
    copy = begun(place)
    admin = place.admin()
    found_before = admin._find_indices(LAYOUTS["jobs"])
    copy.run()
    admin._step(LAYOUTS["jobs"], found_before, never, silent)
    admin._copy(LAYOUTS["jobs"], found_before, silent)

    assert list(place.indices()) == [place.named(SECOND)]
    assert len(found(place.repository())) == 20


def test_sync_of_a_current_store_removes_an_unfinished_copy(place):
    place.sync(OLD)
    begun(place)
    place.request("PUT", f"/{FIRST}/_block/write")
    place.sync(OLD)

    assert list(place.indices()) == [place.named(FIRST)]
    keep(place.repository(), "one")


def test_only_one_of_two_concurrent_syncs_begins_a_copy(place):
    place.sync(OLD)
    place.fill(OLD["jobs"], 20)
    admin = place.admin()
    seen = admin._find_indices(LAYOUTS["jobs"])
    begun(place)
    admin._step(LAYOUTS["jobs"], seen, never, silent)
    assert list(place.indices()) == [place.named(FIRST), place.named(SECOND)]


class Lost(Urllib3HttpNode):
    """A connection that loses the response to one swap of the alias, after the server has performed it."""

    lost = False

    def perform_request(self, method, target, body=None, headers=None, request_timeout=None):
        answer = super().perform_request(method, target, body, headers, request_timeout)
        if target == "/_aliases" and b'"add"' in body and not Lost.lost:
            Lost.lost = True
            raise ConnectionTimeout("lost")
        return answer


def test_swap_of_the_alias_whose_response_was_lost_is_recognized(place):
    place.sync(OLD)
    place.fill(OLD["jobs"], 20)
    Lost.lost = False
    connection = place.connect()
    connection._pool = NodePool([url_to_node_config(place.url)], Lost)
    place.sync(connection=connection)

    assert Lost.lost
    assert list(place.indices()) == [place.named(SECOND)]
    assert len(found(place.repository())) == 20
