# SPDX-License-Identifier: Apache-2.0
"""The search for users whose jobs and v1 clients are in different projects."""

from freezer_api.operations.projects import StrandedUser, find_stranded_users
from freezer_api.operations.scope import Scope, central_key
from freezer_api.repository.protocol import Repository
from tests.contract.asking import CLIENTS, JOBS, job


def keep_client(repository: Repository, user_id: str, project_id: str | None, client_id: str, key: str) -> None:
    document = {"client": {"client_id": client_id}, "user_id": user_id, "project_id": project_id}
    if key == central_key(client_id):
        document["reach"] = "all_projects"
    repository.create(CLIENTS, key, document)


def in_v1(repository: Repository, user_id: str, project_id: str | None, client_id: str = "host") -> None:
    key = Scope("user_id", user_id, user_id, project_id).client_key(client_id)
    keep_client(repository, user_id, project_id, client_id, key)


def in_v2(repository: Repository, user_id: str, project_id: str, client_id: str) -> None:
    key = Scope("project_id", project_id, user_id, project_id).client_key(client_id)
    keep_client(repository, user_id, project_id, client_id, key)


def keep_job(repository: Repository, key: str, user_id: str, project_id: str | None, client_id: str) -> None:
    repository.create(
        JOBS, key, {**job(key), "user_id": user_id, "project_id": project_id, "client_id": client_id}
    )


def keep_all(repository: Repository) -> None:
    in_v1(repository, "ann", "red")
    in_v1(repository, "ann", "blue", "other")
    in_v1(repository, "bob", "red")
    in_v1(repository, "eve", None)
    in_v2(repository, "joe", "red", "of_v2")
    in_v2(repository, "joe", "green", "of_v2")
    keep_client(repository, "root", "services", "central", central_key("central"))
    for number, (user_id, project_id, client_id) in enumerate(
        [
            ("ann", "red", "host"),
            ("ann", "white", "host"),
            ("ann", "white", "host"),
            ("ann", "black", "unknown"),
            ("ann", None, "host"),
            # These jobs are in other projects, but a client of v2 or a central client runs them.
            ("ann", "green", "of_v2"),
            ("ann", "grey", "central"),
            ("bob", "red", "host"),
            # This user has no client of v1.
            ("eve", "red", "host"),
            ("joe", "blue", "of_v2"),
            ("root", "red", "central"),
        ]
    ):
        keep_job(repository, str(number), user_id, project_id, client_id)


def test_user_with_jobs_and_clients_in_different_projects_is_found(repository: Repository) -> None:
    keep_all(repository)
    assert list(find_stranded_users(repository, lambda: False)) == [
        StrandedUser("ann", ["blue", "red"], ["black", "white"])
    ]


def test_search_for_users_ends_at_its_time_limit(repository: Repository) -> None:
    keep_all(repository)
    calls: list[int] = []

    def is_over() -> bool:
        calls.append(1)
        return len(calls) > 1

    assert list(find_stranded_users(repository, is_over)) == []
    assert len(calls) == 3
