# SPDX-License-Identifier: Apache-2.0
"""New documents are listed after older ones, even if the clocks of processes differ or are set back."""

import time

import pytest

from freezer_api.documents.registry import KINDS
from freezer_api.repository.protocol import Original
from tests.contract.asking import JOBS, found, job, keep
from tests.contract.test_restore import original

HOUR = 3_600_000_000


def test_now_is_the_time_in_seconds(repository):
    before = int(time.time())
    assert before - 1 <= repository.now() <= time.time() + 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_new_document_is_last_although_others_have_a_later_time(repository, opened, kind):
    """The restored document is an hour ahead, as if the clock had been set back."""
    other = opened()
    repository.restore(kind, [Original("x", {}, 1, time.time_ns() // 1000 + HOUR)])
    repository.create(kind, "c", {})
    other.create(kind, "b", {})
    repository.create_all(kind, {"y": {}, "a": {}})
    other.create(kind, "0", {})

    assert found(repository, kind=kind) == ["x", "c", "b", "y", "a", "0"]


def test_new_document_is_after_the_newest_not_the_last_restored_one(repository):
    newest = time.time_ns() // 1000 + HOUR
    repository.restore(JOBS, [original("newest", created=newest), original("x", created=newest - HOUR // 2)])
    keep(repository, "a")

    assert found(repository) == ["x", "newest", "a"]


def test_order_is_that_of_creation_although_clocks_differ(driver, opened):
    """The clock of one repository is an hour behind; the clock of the other is set back during the test."""
    behind, ahead = opened(), opened()
    now = time.time_ns() // 1000
    driver.set_clock(behind, lambda: now - HOUR)
    driver.set_clock(ahead, lambda: now)
    for n in range(6):
        keep((behind, ahead)[n % 2], f"k{9 - n}")
    driver.set_clock(ahead, lambda: now - 2 * HOUR)
    assert list(ahead.create_all(JOBS, {key: job(key) for key in ("b", "a")})) == ["b", "a"]
    keep(behind, "0")

    assert found(opened()) == ["k9", "k8", "k7", "k6", "k5", "k4", "b", "a", "0"]


def test_replace_keeps_the_creation_time(repository):
    (first, _second) = keep(repository, "b", "a")
    repository.replace(JOBS, "b", job("b", n=1), first.token)
    keep(repository, "0")

    assert found(repository) == ["b", "a", "0"]
