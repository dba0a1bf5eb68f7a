# SPDX-License-Identifier: Apache-2.0
"""Find users of v1 whose schedulers use another project than their jobs and so do not see them."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from freezer_api.documents.clients import CLIENTS, is_central
from freezer_api.documents.jobs import JOBS
from freezer_api.documents.search_index import Value
from freezer_api.operations.client_lookup import ClientLookup
from freezer_api.operations.scope import Scope
from freezer_api.operations.scoped import iterate_all
from freezer_api.repository.protocol import Repository, Stored
from freezer_api.repository.query import MAX_CONDITIONS, Any, Is, Missing, Not, Query

_BATCH_SIZE = 500


class StrandedUser(NamedTuple):
    """A user with clients of v1 in some projects, and with jobs without a client in others."""

    user_id: str
    of_clients: list[str]
    of_jobs: list[str]


def find_stranded_users(repository: Repository, is_over: Callable[[], bool]) -> Iterator[StrandedUser]:
    """Yield each such user, sorted by id, until ``is_over`` returns true."""
    of_clients: dict[str, set[str]] = {}
    for stored in iterate_all(repository, CLIENTS, limit=_BATCH_SIZE):
        if is_over():
            break
        if _is_of_v1(stored):
            of_clients.setdefault(stored.document["user_id"], set()).add(stored.document["project_id"])
    for user_id, projects in sorted(of_clients.items()):
        of_jobs = sorted(_projects_of_jobs(repository, user_id, projects, is_over))
        if of_jobs:
            yield StrandedUser(user_id, sorted(projects), of_jobs)


def _is_of_v1(stored: Stored) -> bool:
    user_id, project_id = stored.document.get("user_id"), stored.document.get("project_id")
    if user_id is None or project_id is None or is_central(stored.document):
        return False
    of_project = Scope("project_id", project_id, user_id, project_id)
    return stored.key != of_project.client_key(stored.document["client"]["client_id"])


def _projects_of_jobs(
    repository: Repository, user_id: str, projects: set[str], is_over: Callable[[], bool]
) -> Iterator[str]:
    """Yield other projects in which the user has jobs whose client is not registered there."""
    lookup, seen = ClientLookup(repository), [Is(("project_id",), Value("string", one)) for one in projects]
    while len(seen) < MAX_CONDITIONS - 2 and not is_over():
        owned = Is(("user_id",), Value("string", user_id))
        elsewhere = Not(Any((Missing(("project_id",)), *seen)))
        page = repository.search(JOBS, Query((owned, elsewhere), limit=1))
        if not page.items:
            return
        job = page.items[0].document
        project_id = job["project_id"]
        if lookup.find(Scope("project_id", project_id, user_id, project_id), job["client_id"]) is None:
            yield project_id
        seen.append(Is(("project_id",), Value("string", project_id)))
