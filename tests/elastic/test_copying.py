"""A mapping that cannot be changed in place: its documents go into a new index, and nobody who reads or writes
meanwhile loses anything.
"""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from freezer_api.errors import AlreadyExists, Conflict, StartFailed, StoreFailed
from freezer_api.repository import query as q
from freezer_api.repository.elastic import copying
from freezer_api.repository.elastic.indices import copying_alias_of
from tests.contract.asking import JOBS, found, is_, job, keep
from tests.elastic.place import LAYOUTS, WITH_ANOTHER_FIELD, Counted, changed, documents

OLD = WITH_ANOTHER_FIELD
FIRST, SECOND = "{}-jobs-000001", "{}-jobs-000002"


class Writers:
    """Threads that create, replace and delete jobs of their own; ``last`` is what was acknowledged of each key."""

    def __init__(self, repository, seed):
        self.last = {}
        self.done = 0
        self.longest = 0.0
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
            # The token is of the index that is gone: read anew, as every client of the service does.
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


def test_nothing_is_lost_while_the_service_reads_and_writes(every_place):
    place = every_place
    place.sync(OLD)
    place.fill(OLD["jobs"], 3000, created=lambda number: 1_000_000 + number // 3)
    repository = place.repository()
    keep(repository, "steady")
    before = {key: (version, document) for key, version, document in documents(repository)}
    order = list(before)
    writers = Writers(repository, seed=7)
    begun = writers.done
    place.sync(little=300)
    during = writers.done - begun
    writers.stop()

    assert during > 10
    assert list(place.indices()) == [place.named(SECOND)]
    after = documents(repository)
    wanted = {**before, **writers.last}
    assert {key: (version, document) for key, version, document in after} == {
        key: value for key, value in wanted.items() if value is not None
    }
    untouched = {key for key in before if key not in writers.last}
    assert [key for key, _, _ in after if key in untouched] == [key for key in order if key in untouched]


def test_what_was_read_before_the_swap_cannot_be_changed_after_it(place):
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


def test_an_empty_index_is_replaced_too(place):
    place.sync(OLD)
    place.sync()
    assert list(place.indices()) == [place.named(SECOND)]


@pytest.mark.parametrize("little", [1, 7, 1000])
def test_what_was_deleted_meanwhile_is_found_whatever_the_times_of_creation(place, little):
    place.sync(OLD)
    place.fill(OLD["jobs"], 120, created=lambda number: (number % 4) * 10 if number < 100 else 10**15 + number)
    repository = place.repository()
    gone = ["job0", "job1", "job5", "job6", "job50", "job99", "job100", "job119"]

    def _meanwhile(made):
        # Everything has been copied once, and the index is about to be blocked.
        if made == connection.blocking:
            for key in gone:
                repository.delete(JOBS, key, repository.get(JOBS, key).token)
            keep(repository, "job50")

    connection = place.connect(Marked)
    connection.happening = _meanwhile
    place.sync(connection=connection, little=little)

    left = [f"job{number}" for number in range(120) if f"job{number}" not in gone]
    by_time = sorted(left, key=lambda key: (_created(int(key[3:])), key))
    assert [key for key in found(repository) if key != "job50"] == by_time
    assert repository.get(JOBS, "job50").version == 1


def _created(number):
    return (number % 4) * 10 if number < 100 else 10**15 + number


class Marked(Counted):
    """Knows when it is about to block the source."""

    blocking = -1

    def answer(self, method, target, body=None):
        if target.endswith("/_block/write"):
            self.blocking = self.made
        return super().answer(method, target, body)


def test_everything_may_have_been_deleted_meanwhile(place):
    place.sync(OLD)
    place.fill(OLD["jobs"], 20)
    repository = place.repository()

    def _meanwhile(made):
        if made == connection.blocking:
            for key in found(repository):
                repository.delete(JOBS, key, repository.get(JOBS, key).token)

    connection = place.connect(Marked)
    connection.happening = _meanwhile
    place.sync(connection=connection, little=5)

    assert found(repository) == []


def test_a_copy_that_holds_something_else_than_the_source_is_not_put_in_its_place(place):
    place.sync(OLD)
    place.fill(OLD["jobs"], 20)

    def _meanwhile(made):
        if made == connection.blocking:
            place.request("PUT", f"/{SECOND}/_doc/stray?refresh=true", {"created": None})

    connection = place.connect(Marked)
    connection.happening = _meanwhile
    with pytest.raises(StoreFailed):
        place.sync(connection=connection, little=5)
    repository = place.repository()
    assert len(found(repository)) == 20
    keep(repository, "written")
    place.sync()
    assert len(found(repository)) == 21


def test_a_document_that_cannot_be_copied_ends_the_copy_and_writes_go_on(place):
    place.sync(OLD)
    keep(place.repository(), "one")
    place.request("PUT", "/{}-jobs/_doc/bad?refresh=true", {"body": {"a": 1}, "key": "bad", "created": 5})
    with pytest.raises(Exception) as failed:
        place.sync()
    print(repr(failed.value))
    keep(place.repository(), "two")


def test_a_copy_beats_while_it_is_made(place):
    place.sync(OLD)
    place.fill(OLD["jobs"], 2)
    copied = place.connect()
    place.upkeep()._create(
        LAYOUTS["jobs"], place.named(SECOND), {copying_alias_of(place.named(SECOND)): {}}, beats=0
    )
    copy = copying.Copy(copied, place.prefix, LAYOUTS["jobs"], place.named(FIRST), place.named(SECOND))
    pauses = []

    def _pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            copy._last_beat -= 2
            copy._beat()

    assert copying.goes_on(place.connect(), place.named(SECOND), _pause)
    assert len(pauses) == 3
    copy.run()
    assert not copying.goes_on(place.connect(), place.named(SECOND), patience=0.0)
    assert copying.goes_on(place.connect(), place.named(FIRST))


def test_a_process_that_has_been_overtaken_gives_up(place):
    place.sync(OLD)
    place.fill(OLD["jobs"], 20)
    place.upkeep()._create(
        LAYOUTS["jobs"], place.named(SECOND), {copying_alias_of(place.named(SECOND)): {}}, beats=0
    )
    copy = copying.Copy(place.connect(), place.prefix, LAYOUTS["jobs"], place.named(FIRST), place.named(SECOND))
    place.sync()
    with pytest.raises((StartFailed, StoreFailed)):
        copy.run()
