# SPDX-License-Identifier: Apache-2.0
"""Unite clients that are registered twice.

v1 and v2 derive different keys from one ``client_id``, so both may create a document at the same moment. Therefore
each searches again after it has created one, and unites the documents that it finds. The keys determine which one
is kept, so that every process decides the same; the others are deleted after their content has been copied. If a
process is killed in between, the next registration or ``freezer-manage db sync`` completes the union.
"""

from collections.abc import Iterator, Sequence

from freezer_api.documents.clients import CLIENTS, announced_again, is_central, made_central
from freezer_api.documents.merge import same
from freezer_api.documents.search_index import as_value
from freezer_api.operations.rewrite import retry_on_conflict
from freezer_api.operations.scope import Scope
from freezer_api.operations.scoped import ScopedDocuments, iterate_all, shown_id
from freezer_api.repository.protocol import Repository, Stored
from freezer_api.repository.query import Is

_OF_USER, _OF_PROJECT, _CENTRAL = 1, 2, 3


def _strength(stored: Stored) -> int:
    """Return a value for comparison. The client with the higher value is kept: central, v2, v1, older keys."""
    document = stored.document
    if is_central(document):
        return _CENTRAL
    client_id = document["client"]["client_id"]
    user_id, project_id = document.get("user_id") or "", document.get("project_id")
    if stored.key == Scope("project_id", project_id or "", user_id, project_id).client_key(client_id):
        return _OF_PROJECT
    return int(stored.key == Scope("user_id", user_id, user_id, project_id).client_key(client_id))


def unite(repository: Repository, found: Sequence[Stored], *, newest_announces: bool = False) -> Stored:
    """Unite those clients of a project and id that should be one, and return the result.

    Central clients and those of v2 belong to the project, those of v1 to their user: several users may have one.
    ``found`` is in the order of creation. The oldest document is kept under the key of the strongest, with the
    description and capabilities of the strongest or newest. Raises ``Conflict`` if one changed in the meantime.
    """
    kept = max(found, key=_strength)
    user_id = kept.document.get("user_id")
    duplicates = [one for one in found if one.document.get("user_id") == user_id or _strength(one) >= _OF_PROJECT]
    if len(duplicates) == 1:
        return kept
    announced = duplicates[-1] if newest_announces else kept
    document = announced_again(duplicates[0].document, announced.document["client"])
    if is_central(kept.document):
        document = made_central(document)
    if not same(document, kept.document):
        kept = repository.replace(CLIENTS, kept.key, document, kept.token)
    for other in duplicates:
        if other.key != kept.key:
            repository.delete(CLIENTS, other.key, other.token)
    return kept


def unite_all(repository: Repository) -> Iterator[str]:
    """Unite the clients of each user, project and id; yield a line for each id that several users registered."""
    seen: dict[tuple[str, str], int] = {}
    for stored in iterate_all(repository, CLIENTS):
        project_id = stored.document.get("project_id")
        if project_id is not None:
            pair = (project_id, stored.document["client"]["client_id"])
            seen[pair] = seen.get(pair, 0) + 1
    for (project_id, client_id), count in seen.items():
        if count > 1:
            users = retry_on_conflict(lambda: _unite_by_user(repository, project_id, client_id))  # noqa: B023 - called at once
            if len(users) > 1:
                shown = ", ".join(map(shown_id, users))
                yield f"Client {shown_id(client_id)} of project {shown_id(project_id)} is registered by {shown}"


def _unite_by_user(repository: Repository, project_id: str, client_id: str) -> list[str]:
    """Unite the clients of each user; return the users."""
    scope = Scope("project_id", project_id, "", project_id)
    by_user: dict[str, list[Stored]] = {}
    for stored in ScopedDocuments(repository, CLIENTS).all(scope, Is(("client.client_id",), as_value(client_id))):
        by_user.setdefault(stored.document.get("user_id") or "", []).append(stored)
    for found in by_user.values():
        unite(repository, found, newest_announces=True)
    return sorted(by_user)
