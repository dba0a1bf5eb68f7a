"""A thread reads over one connection for as long as that is good."""

import gc
import threading
import weakref

import pytest

from freezer_api.errors import Unavailable
from freezer_api.repository.sql import connections as module
from tests.contract.asking import found, keep


@pytest.fixture
def connections(repository):
    keep(repository, "one")
    return repository._access.connections


def test_a_thread_keeps_its_connection(connections):
    mine = connections.take()
    theirs = []
    thread = threading.Thread(target=lambda: theirs.extend((connections.take(), connections.take())))
    thread.start()
    thread.join()

    assert connections.take() is mine
    assert theirs[0] is theirs[1] is not mine


def test_the_connection_of_a_thread_that_ended_serves_another(connections):
    used = []
    for _ in range(3):
        thread = threading.Thread(target=lambda: used.append(connections.take().connection.driver_connection))
        thread.start()
        thread.join()
        gc.collect()

    assert used[0] is used[1] is used[2]


def test_a_broken_connection_is_let_go(connections):
    broken = connections.take()
    broken.invalidate()

    assert connections.take() is not broken
    assert broken.closed


def test_a_connection_to_another_file_is_let_go(repository, connections, path):
    old = connections.take()
    path.rename(path.with_name("moved"))
    with pytest.raises(Unavailable):
        connections.take()
    assert old.closed

    path.with_name("moved").rename(path)
    assert found(repository) == ["one"]


def test_after_a_fork_there_is_none(repository, connections):
    mine = connections.take()
    module._forget(weakref.ref(connections))

    assert connections.take() is not mine
    assert found(repository) == ["one"]
    mine.close()


def test_kept_connections_that_are_gone_are_forgotten():
    class Gone:
        pass

    module._forget(weakref.ref(Gone()))


def test_closing_lets_go_of_none_where_there_is_none(opened):
    opened().close()
