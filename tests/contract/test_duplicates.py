# SPDX-License-Identifier: Apache-2.0
"""Clients that an earlier release registered twice, once in v1 and once in v2, are merged or reported."""

from typing import Any

import pytest

from freezer_api.documents.clients import made_central
from freezer_api.operations.duplicates import unite_all
from freezer_api.operations.scope import Scope, central_key
from freezer_api.repository.protocol import Repository
from tests.contract.asking import CLIENTS, found


def keys(user_id: str) -> dict[str, str]:
    return {
        "user alone": Scope("user_id", user_id, user_id, None).client_key("node1"),
        "v1": Scope("user_id", user_id, user_id, "red").client_key("node1"),
        "v2": Scope("project_id", "red", user_id, "red").client_key("node1"),
        "central": central_key("node1"),
    }


def keep(repository: Repository, made_by: str, user_id: str = "ann", project_id: str = "red") -> None:
    client = {"client_id": "node1", "uuid": f"{made_by} {user_id}", "description": made_by}
    document: dict[str, Any] = {"client": client, "user_id": user_id, "project_id": project_id}
    if made_by != "central":
        client["hostname"] = made_by
    else:
        document = made_central(document)
    repository.create(CLIENTS, keys(user_id)[made_by], document)


@pytest.mark.parametrize(
    "made_by",
    [
        ("v1", "v2"),
        ("v2", "v1"),
        ("user alone", "v2"),
        ("v2", "user alone"),
        ("user alone", "v1"),
        ("v2", "central"),
    ],
    ids=" then ".join,
)
def test_oldest_client_is_kept_with_the_newest_description(
    repository: Repository, made_by: tuple[str, str]
) -> None:
    older, newer = made_by
    keep(repository, older)
    keep(repository, newer)
    kept = next(name for name in ("central", "v2", "v1") if name in made_by)

    assert list(unite_all(repository)) == []
    assert found(repository, kind=CLIENTS) == [keys("ann")[kept]]
    stored = repository.get(CLIENTS, keys("ann")[kept])
    assert stored is not None
    client = stored.document["client"]
    assert (client["uuid"], client["hostname"], client["description"]) == (f"{older} ann", older, newer)
    assert stored.document.get("reach") == ("all_projects" if kept == "central" else None)


def test_duplicates_of_several_users_are_reported_and_kept(repository: Repository) -> None:
    for user_id in ("bob", "ann"):
        keep(repository, "v1", user_id)
    keep(repository, "v2", "bob")

    assert list(unite_all(repository)) == ["Client node1 of project red is registered by ann, bob"]
    assert found(repository, kind=CLIENTS) == [keys("ann")["v1"], keys("bob")["v2"]]
    assert list(unite_all(repository)) == ["Client node1 of project red is registered by ann, bob"]


def test_clients_of_several_projects_are_not_duplicates(repository: Repository) -> None:
    for number, project_id in enumerate(("red", "blue", None)):
        document = {"client": {"client_id": "node1"}, "user_id": "ann", "project_id": project_id}
        repository.create(CLIENTS, str(number), document)

    assert list(unite_all(repository)) == []
    assert found(repository, kind=CLIENTS) == ["0", "1", "2"]
