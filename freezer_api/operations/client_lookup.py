# SPDX-License-Identifier: Apache-2.0
"""Find the client that a ``client_id`` means.

An id may be registered several times: by users of v1, in a project by v2, and once as a central client. The order
is: the caller's own clients, first that of the caller's project, then ordinary ones, then the oldest; then the
central client.
"""

from freezer_api.documents.clients import CLIENTS, EVERYWHERE, is_central
from freezer_api.documents.fields import Document
from freezer_api.documents.search_index import Value, as_value
from freezer_api.errors import NotFound
from freezer_api.operations.scope import Scope, central_key
from freezer_api.operations.scoped import ScopedDocuments, shown_id
from freezer_api.repository.protocol import Repository, Stored
from freezer_api.repository.query import All, Condition, HasClient, Is, Not

OF_ALL_PROJECTS = Is(("reach",), Value("string", EVERYWHERE))
"""The condition for central clients."""


class ClientLookup:
    """Finds clients for a scope."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._clients = ScopedDocuments(repository, CLIENTS)

    def find(self, scope: Scope, client_id: str) -> Stored | None:
        """Return the client, in a project also a central one."""
        own = self.own(scope, client_id)
        return self.central(client_id) if own is None and scope.by_project else own

    def get(self, scope: Scope, client_id: str) -> Stored:
        """Return the client. Raises ``NotFound``."""
        stored = self.find(scope, client_id)
        if stored is None:
            raise NotFound(shown_id(client_id))
        return stored

    def own(self, scope: Scope, client_id: str) -> Stored | None:
        stored = self._clients.find(scope, client_id)
        if stored is not None and _is_of_project(scope, stored.document):
            return stored
        found = sorted(self.all_own(scope, client_id), key=lambda stored: _rank(scope, stored.document))
        return next(iter(found), None)

    def all_own(self, scope: Scope, client_id: str) -> list[Stored]:
        """Return the scope's own clients of this id, however they were registered."""
        return self._clients.all(scope, Is(("client.client_id",), as_value(client_id)))

    @staticmethod
    def are_of(scope: Scope, project_id: str) -> Condition:
        """Return the condition that the client of a job, as :meth:`find` finds it, belongs to ``project_id``."""
        of_project = Is(("project_id",), Value("string", project_id))
        if project_id == scope.owner:
            return HasClient(of_project)
        # A client of the scope takes precedence over a central one.
        return All((HasClient(All((of_project, OF_ALL_PROJECTS))), Not(HasClient(scope.condition))))

    def central(self, client_id: str) -> Stored | None:
        return self._repository.get(CLIENTS, central_key(client_id))


def _rank(scope: Scope, document: Document) -> tuple[bool, bool]:
    return not _is_of_project(scope, document), is_central(document)


def _is_of_project(scope: Scope, document: Document) -> bool:
    return bool(document.get("project_id") == scope.project_id)
