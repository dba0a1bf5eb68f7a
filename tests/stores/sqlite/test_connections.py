# SPDX-License-Identifier: Apache-2.0
"""Each thread reads over its own connection as long as the connection is usable."""

import gc
import threading

import pytest

from freezer_api.errors import Unavailable
from tests.contract.asking import found, keep


@pytest.fixture
def connections(repository):
    keep(repository, "one")
    return repository.connections


def test_thread_uses_the_same_connection_for_all_reads(connections):
    mine = connections.take()
    others = []
    thread = threading.Thread(target=lambda: others.extend((connections.take(), connections.take())))
    thread.start()
    thread.join()

    assert connections.take() is mine
    assert others[0] is others[1] is not mine


def test_connection_of_an_ended_thread_is_used_by_another(connections):
    used = []
    for _ in range(3):
        thread = threading.Thread(target=lambda: used.append(connections.take().connection.driver_connection))
        thread.start()
        thread.join()
        gc.collect()

    assert used[0] is used[1] is used[2]


def test_invalidated_connection_is_replaced(connections):
    broken = connections.take()
    broken.invalidate()

    assert connections.take() is not broken
    assert broken.closed


def test_connection_to_a_moved_file_is_closed(repository, connections, path):
    old = connections.take()
    path.rename(path.with_name("moved"))
    with pytest.raises(Unavailable):
        connections.take()
    assert old.closed

    path.with_name("moved").rename(path)
    assert found(repository) == ["one"]


def test_unused_repository_can_be_closed(opened):
    opened().close()
