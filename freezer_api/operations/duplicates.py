"""Clients that are registered twice.

v1 and v2 derive different keys from one ``client_id``, so both may register it at the same moment: neither finds
the other's document before it creates its own. Therefore each looks again after it has created one, and unites
what it finds. The keys alone decide which document stays, so that every process decides the same, whatever the
order and the clocks; the other one is deleted only after its content is in the one that stays. If a process is
killed in between, the next registration or ``freezer-manage db sync`` completes the union.
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


def duplicates_of(found: Sequence[Stored]) -> list[Stored]:
    """Return those of a project's clients of one id that should be one client, the one that stays first.

    A central client and v2's belong to the project, v1's to its user: two users may both have one in v1.
    """
    kept = max(found, key=_strength)
    user_id = kept.document.get("user_id")
    others = [one for one in found if one.document.get("user_id") == user_id or _strength(one) >= _OF_PROJECT]
    return [kept, *(one for one in others if one.key != kept.key)]


_OF_USER, _OF_PROJECT, _CENTRAL = 1, 2, 3


def _strength(stored: Stored) -> int:
    """Of two clients the stronger one stays: a central one, else v2's, else v1's."""
    document = stored.document
    if is_central(document):
        return _CENTRAL
    client_id, user_id, project_id = (
        document["client"]["client_id"],
        document.get("user_id") or "",
        document.get("project_id"),
    )
    if stored.key == Scope("project_id", project_id or "", user_id, project_id).client_key(client_id):
        return _OF_PROJECT
    return int(stored.key == Scope("user_id", user_id, user_id, project_id).client_key(client_id))


def unite(repository: Repository, found: Sequence[Stored], *, newest_announces: bool = False) -> Stored:
    """Make one client of those in ``found`` that are the same, and return it.

    ``found`` are the clients of a project and id in the order of their creation. The oldest document is kept,
    under the key of the strongest; it takes the description and the capabilities of the strongest, or of the
    newest. Raise ``Conflict`` if one of them changed in the meantime.
    """
    kept, *others = duplicates_of(found)
    if not others:
        return kept
    duplicates = [one for one in found if one in (kept, *others)]
    announced = duplicates[-1] if newest_announces else kept
    document = announced_again(duplicates[0].document, announced.document["client"])
    if is_central(kept.document):
        document = made_central(document)
    if not same(document, kept.document):
        kept = repository.replace(CLIENTS, kept.key, document, kept.token)
    for other in others:
        repository.delete(CLIENTS, other.key, other.token)
    return kept


def unite_all(repository: Repository) -> Iterator[str]:
    """Unite all clients of one user, project and id; yield a line for each id that several users still have."""
    seen: dict[tuple[str, str], int] = {}
    for stored in iterate_all(repository, CLIENTS):
        project_id = stored.document.get("project_id")
        if project_id is not None:
            place = (project_id, stored.document["client"]["client_id"])
            seen[place] = seen.get(place, 0) + 1
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
