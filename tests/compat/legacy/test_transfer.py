# SPDX-License-Identifier: Apache-2.0
"""Import into a store that fails, or whose documents other processes change meanwhile."""

import pytest

from freezer_api.compat.legacy.sql import open_database
from freezer_api.compat.legacy.transfer import Count, OnConflict, Transfer
from freezer_api.documents.limits import Limits
from freezer_api.documents.registry import KINDS
from freezer_api.errors import CommandError, Unavailable
from freezer_api.repository import query as q
from tests.compat.legacy import sample
from tests.compat.legacy.original import Json, row
from tests.contract.drivers import find_driver
from tests.support.disturbed import Disturbed, Killed, cut, killed

BACKUPS, *_ = KINDS


@pytest.fixture
def make(tmp_path):
    """Return a function that creates a store whose calls can be disturbed."""
    driver = find_driver("sqlite")
    opened = []

    def _make():
        directory = tmp_path / f"store{len(opened)}"
        directory.mkdir()
        opened.append(Disturbed(driver.open_repository(driver.make(directory))))
        return opened[-1]

    yield _make
    for store in opened:
        store.close()


@pytest.fixture
def source(old):
    """Three batches of backups, and a few documents of the other kinds."""
    backups = [row(f"b{n:03}", **sample.BOB, backup_metadata=Json({"n": n})) for n in range(450)]
    with open_database(old(rows={**sample.rows(), "backups": backups})) as database:
        yield database


def transfer(source, store, on_conflict=OnConflict.SKIP, **options):
    given = {"projects": {}, "is_trial": False, "report": lambda _line: None, **options}
    return Transfer(source, store, on_conflict=on_conflict, **given)


def run(source, store, **options):
    taking = transfer(source, store, **options)
    return [taking.run(kind) for kind in KINDS]


def everything(store):
    return [
        [(stored.key, stored.version, stored.document) for stored in store.search(kind, q.Query(limit=1000)).items]
        for kind in KINDS
    ]


@pytest.mark.parametrize(("when", "what"), [("before", cut), ("after", killed)])
def test_next_run_completes_an_import_ended_at_any_write(make, source, when, what):
    undisturbed = make()
    expected = run(source, undisturbed)
    for write in range(undisturbed.writes):
        store = make()
        getattr(store, when)("write", "*", what, skip=write)
        with pytest.raises((Killed, Unavailable)):
            run(source, store)
        again = run(source, store)

        assert everything(store) == everything(undisturbed)
        for count, whole in zip(again, expected, strict=True):
            assert count.new + count.skipped == whole.new + whole.skipped


def changed(store, *keys):
    for key in keys:
        there = store.get(BACKUPS, key)
        store.replace(BACKUPS, key, {**there.document, "changed": True}, there.token)


def test_conflict_fail_stops_at_the_first_conflict(make, source):
    store = make()
    run(source, store)
    changed(store, "b300")
    for key in ("b010", "b430"):
        store.delete(BACKUPS, key, store.get(BACKUPS, key).token)
    with pytest.raises(CommandError, match="Backup b300: the store has another with this id"):
        transfer(source, store, OnConflict.FAIL).run(BACKUPS)

    assert store.get(BACKUPS, "b010") is not None
    assert store.get(BACKUPS, "b430") is None


def test_replacement_retries_after_a_concurrent_change(make, source):
    store = make()
    run(source, store)
    changed(store, "b000", "b001", "b002")
    rival = store._store

    def change_it_again():
        there = rival.get(BACKUPS, "b000")
        rival.replace(BACKUPS, "b000", {**there.document, "again": True}, there.token)

    store.before("replace", "backups", change_it_again)
    count = transfer(source, store, OnConflict.REPLACE).run(BACKUPS)

    assert count == Count(skipped=447, replaced=3)
    assert [store.get(BACKUPS, key).version for key in ("b000", "b001", "b003")] == [4, 3, 1]
    assert [store.get(BACKUPS, f"b00{n}").document["backup_metadata"]["n"] for n in range(3)] == [0, 1, 2]


def test_document_deleted_meanwhile_stays_deleted(make, source):
    store = make()
    run(source, store)
    changed(store, "b000", "b001")
    rival = store._store

    def delete(key):
        rival.delete(BACKUPS, key, rival.get(BACKUPS, key).token)

    store.before("get", "backups", lambda: delete("b000"))
    store.before("replace", "backups", lambda: delete("b001"))
    count = transfer(source, store, OnConflict.REPLACE).run(BACKUPS)

    assert count == Count(skipped=450)
    assert [store.get(BACKUPS, key) for key in ("b000", "b001")] == [None, None]


def test_documents_above_a_limit_are_imported_and_counted(source, make):
    store = make()
    counts = run(source, store, limits=Limits(max_document_size=9))
    assert sum(count.oversized for count in counts) > 0
    assert [count.refused for count in counts] == [count.refused for count in run(source, make())]
    assert [count.oversized for count in run(source, make())] == [0] * len(KINDS)
