# SPDX-License-Identifier: Apache-2.0
"""Responses while the store fails are 503 or 500, never 404 or an empty list."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from oslo_config import cfg

from freezer_api.errors import Conflict, StoreFailed
from freezer_api.operations.rewrite import MAX_ATTEMPTS
from freezer_api.repository.protocol import Repository
from freezer_api.repository.sql.sqlite import SQLiteRepository
from tests.functional.client import Client
from tests.functional.conftest import Identity, app
from tests.functional.versions import Version
from tests.support.disturbed import Disturbed, cut

pytestmark = pytest.mark.any_store

BACKUP = {"container": "c", "hostname": "h", "backup_name": "b"}
AWAY = (503, "Service Unavailable", "The store is not available, try again later")
FAILED = (500, "Internal Storage Error", "The store reported an error")
UNEXPECTED = (500, "Internal Server Error", "An unexpected error occurred on the server.")


class TestLockedStore:
    """Another process holds the write lock."""

    @pytest.fixture
    def repository(self, store_file: Path) -> Iterator[Repository]:
        repository = SQLiteRepository(store_file, timeout=1.0)
        yield repository
        repository.close()

    def test_write_to_locked_store_is_503_fault_08(self, client: Client, store_file: Path) -> None:
        assert client("POST", "clients", {"client_id": "node1"}).status == 201
        rival = sqlite3.connect(store_file, isolation_level=None)
        rival.execute("BEGIN IMMEDIATE")
        try:
            answer = client("POST", "backups", BACKUP)
            assert answer.error == AWAY
            assert int(answer.headers["retry-after"]) > 0
            assert client("PATCH", "clients/node1", {"description": "d"}).error == AWAY
            assert client("DELETE", "clients/node1").error == AWAY
            assert client("GET", "clients/node1").status == 200
        finally:
            rival.close()
        assert client("POST", "backups", BACKUP).status == 201
        assert len(client("GET", "backups").json["backups"]) == 1


class TestLostStore:
    """The file is moved away and restored."""

    @pytest.fixture
    def repository(self, store_file: Path) -> Iterator[Repository]:
        repository = SQLiteRepository(store_file)
        yield repository
        repository.close()

    def test_missing_store_is_503_fault_08(self, client: Client, store_file: Path) -> None:
        assert client("POST", "backups", BACKUP).status == 201
        aside = store_file.with_suffix(".aside")
        files = list(store_file.parent.glob(f"{store_file.name}*"))
        aside.mkdir()
        for file in files:
            shutil.move(file, aside)
        for method, path in (("GET", "backups"), ("GET", "backups/x"), ("DELETE", "backups/x")):
            assert client(method, path).error == AWAY
        assert client("POST", "backups", BACKUP).error == AWAY
        for file in aside.iterdir():
            shutil.move(file, store_file.parent)
        assert len(client("GET", "backups").json["backups"]) == 1


@pytest.fixture
def store(repository: Repository) -> Disturbed:
    return Disturbed(repository)


@pytest.fixture
def client(conf: cfg.ConfigOpts, repository: Repository, identity: Identity, version: Version) -> Client:
    return Client(app.build_standalone(conf, repository), version, identity)


@pytest.fixture
def disturbed_client(conf: cfg.ConfigOpts, store: Disturbed, identity: Identity, version: Version) -> Client:
    return Client(app.build_standalone(conf, store), version, identity)


def _raise(error: Exception) -> Callable[[], object]:
    def happen() -> None:
        raise error

    return happen


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (StoreFailed(), FAILED),
        (RuntimeError("SELECT secret FROM sqlite"), UNEXPECTED),
        (KeyError("x"), UNEXPECTED),
    ],
    ids=repr,
)
def test_unexpected_errors_show_no_internals_fault_09(
    store: Disturbed, disturbed_client: Client, error: Exception, answer: tuple[int, str, str]
) -> None:
    for method, call, arguments in (
        ("create", "POST", ("backups", BACKUP)),
        ("search", "GET", ("backups",)),
        ("get", "GET", ("backups/x",)),
    ):
        store.before(method, "backups", _raise(error))
        assert disturbed_client(call, *arguments).error == answer


def test_unreachable_store_is_not_404_or_empty_list_fault_08(store: Disturbed, disturbed_client: Client) -> None:
    for path in ("jobs", "clients/x", "jobs/x", "sessions/x"):
        store.before("search" if path == "jobs" else "get", path.split("/")[0], cut)
        assert disturbed_client("GET", path).error == AWAY


def test_change_that_conflicts_at_every_retry_is_409(store: Disturbed, disturbed_client: Client) -> None:
    disturbed_client("POST", "actions/a1", {"freezer_action": {"action": "backup"}})
    text = "Action with ID a1 was changed by another request"
    store.before("replace", "actions", _raise(Conflict(text)), times=MAX_ATTEMPTS)
    assert disturbed_client("PATCH", "actions/a1", {"freezer_action": {"mode": "fs"}}).error == (
        409,
        "Document already existing",
        text,
    )
    store.before("replace", "actions", _raise(Conflict(text)), times=5)
    assert disturbed_client("PATCH", "actions/a1", {"freezer_action": {"mode": "fs"}}).json == {
        "action_id": "a1",
        "version": 2,
    }
