# SPDX-License-Identifier: Apache-2.0
"""Creation and revocation of trusts; ``tests/keystone`` tests them with a real Keystone."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from freezer_api.documents.clients import CLIENTS, made_central
from freezer_api.documents.fields import Document
from freezer_api.documents.jobs import JOBS, with_trust
from freezer_api.errors import Unavailable
from freezer_api.operations.job_trusts import Delegator, JobTrusts, Trust
from freezer_api.operations.scope import Scope
from freezer_api.repository.protocol import Repository, Stored
from freezer_api.repository.sql.sqlite import SQLiteRepository
from tests.support.embedded import make_file

PROJECT = Scope("project_id", "library", "alice", "library")
USER = Scope("user_id", "alice", "alice", "library")
ALICE = Delegator("alice", "library", "a token", {"token": {}})
CENTRAL = Stored("c1", made_central({"client": {"client_id": "c1"}}), 1, "t", 1)
NODE = Stored("n1", {"client": {"client_id": "n1"}}, 1, "t", 1)
JOB = {"job_id": "j1", "client_id": "c1", "user_id": "alice", "project_id": "library"}


class Notary:
    """Creates trusts, or returns ``known``, and records revoked ones."""

    def __init__(self) -> None:
        self.known: str | None = None
        self.created: list[str] = []
        self.ended: list[str] = []

    def ensure_trust(self, delegator: Delegator, project_id: str) -> Trust:
        assert project_id == "library"
        if self.known is not None:
            return Trust(self.known, delegator.user_id, is_new=False)
        self.created.append(f"trust{len(self.created)}")
        return Trust(self.created[-1], delegator.user_id, is_new=True)

    def revoke(self, _delegator: Delegator | None, trust_id: str) -> None:
        self.ended.append(trust_id)


@pytest.fixture
def notary() -> Notary:
    return Notary()


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    path = tmp_path / "freezer.sqlite"
    make_file(path)
    repository = SQLiteRepository(path)
    yield repository
    repository.close()


@pytest.fixture
def trusts(repository: Repository, notary: Notary) -> JobTrusts:
    return JobTrusts(repository, notary)


def _failed(trusts: JobTrusts, old: Document | None) -> Document | None:
    """Return the job of an operation whose write fails."""
    new = None
    with suppress(Unavailable), trusts.delegation(PROJECT, ALICE) as delegation:
        new = delegation.apply_trust(old, JOB, CENTRAL)
        raise Unavailable
    return new


def test_job_of_central_client_gets_one_trust(trusts: JobTrusts, notary: Notary) -> None:
    with trusts.delegation(PROJECT, ALICE) as delegation:
        first, again = (delegation.apply_trust(None, JOB, CENTRAL) for _ in range(2))
    assert first == again == with_trust(JOB, "trust0", "alice")
    # The write of the job failed.
    assert notary.ended == ["trust0"]


def test_trust_held_by_a_job_is_kept(trusts: JobTrusts, notary: Notary, repository: Repository) -> None:
    with trusts.delegation(PROJECT, ALICE) as delegation:
        repository.create(JOBS, "j1", delegation.apply_trust(None, JOB, CENTRAL))
    assert _failed(trusts, with_trust(JOB, "trust0", "alice")) == with_trust(JOB, "trust1", "alice")
    assert notary.ended == ["trust1"]


def test_reused_trust_is_kept_if_the_write_fails(trusts: JobTrusts, notary: Notary) -> None:
    notary.known = "of another job"
    assert _failed(trusts, None) == with_trust(JOB, "of another job", "alice")
    assert notary.ended == []


@pytest.mark.parametrize(
    ("scope", "delegator", "client"),
    [(PROJECT, ALICE, NODE), (PROJECT, ALICE, None), (PROJECT, None, CENTRAL), (USER, ALICE, CENTRAL)],
)
def test_other_jobs_get_no_trust(
    trusts: JobTrusts, notary: Notary, scope: Scope, delegator: Delegator | None, client: Stored | None
) -> None:
    with trusts.delegation(scope, delegator) as delegation:
        assert delegation.apply_trust(None, JOB, client) == JOB
    assert notary.created == []


def test_enforced_trusts_are_for_every_job(repository: Repository, notary: Notary) -> None:
    with JobTrusts(repository, notary, enforced=True).delegation(PROJECT, ALICE) as delegation:
        assert delegation.apply_trust(None, JOB, NODE) == with_trust(JOB, "trust0", "alice")


def test_unneeded_trust_is_revoked(trusts: JobTrusts, notary: Notary) -> None:
    old = with_trust(JOB, "old", "bob")
    with trusts.delegation(PROJECT, ALICE) as delegation:
        assert delegation.apply_trust(old, JOB, NODE) == JOB
    assert notary.ended == ["old"]


def test_v1_keeps_trust_of_the_caller(trusts: JobTrusts, notary: Notary) -> None:
    old = with_trust(JOB, "old", "alice")
    with trusts.delegation(USER, ALICE) as delegation:
        assert delegation.apply_trust(old, JOB, CENTRAL) == old
    assert notary.ended == []


@pytest.mark.parametrize("trustor", ["bob", None])
def test_v1_releases_trust_of_another_user(trusts: JobTrusts, notary: Notary, trustor: str | None) -> None:
    old = {**JOB, "user_credentials": {"trust_id": "old", "trustor_user_id": trustor}}
    with trusts.delegation(USER, ALICE) as delegation:
        assert delegation.apply_trust(old, JOB, CENTRAL) == JOB
    assert (notary.created, notary.ended) == ([], ["old"])


def test_trust_held_by_job_of_another_user_is_kept(
    trusts: JobTrusts, notary: Notary, repository: Repository
) -> None:
    held = with_trust(JOB, "old", "bob")
    repository.create(JOBS, "j2", {**held, "job_id": "j2", "user_id": "bob"})
    with trusts.delegation(USER, ALICE) as delegation:
        assert delegation.apply_trust(held, JOB, CENTRAL) == JOB
    assert notary.ended == []


def test_without_keystone_jobs_have_no_trusts(repository: Repository) -> None:
    trusts = JobTrusts(repository, None)
    with trusts.delegation(PROJECT, ALICE) as delegation:
        assert delegation.apply_trust(with_trust(JOB, "old", "bob"), JOB, CENTRAL) == JOB


def test_repr_of_delegator_has_no_token() -> None:
    assert "a token" not in repr(ALICE)


def test_is_central_of_v1_client_has_no_effect(trusts: JobTrusts, notary: Notary) -> None:
    client = Stored("c1", {"client": {"client_id": "c1", "is_central": True}}, 1, "t", 1)
    with trusts.delegation(PROJECT, ALICE) as delegation:
        assert delegation.apply_trust(None, JOB, client) == JOB
    assert CLIENTS.paths["reach"].hidden
