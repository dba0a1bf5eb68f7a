"""Which client a ``client_id`` means.

It may be registered several times: by users of v1, in a project by v2, and once for all projects. A caller's own
one wins; of several own ones that of the caller's project, then an ordinary one, then the oldest.
"""

from freezer_api.documents.clients import CLIENTS, EVERYWHERE, is_central
from freezer_api.documents.fields import Document
from freezer_api.documents.search_index import Value, as_value
from freezer_api.errors import NotFound
from freezer_api.operations.scope import Scope, central_key
from freezer_api.operations.scoped import Owned, shown_id
from freezer_api.repository.protocol import Repository, Stored
from freezer_api.repository.query import All, Condition, HasClient, Is, Not

OF_ALL_PROJECTS = Is(("reach",), Value("string", EVERYWHERE))
"""What holds of central clients."""


class Registered:
    """The clients that a scope may name."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._clients = Owned(repository, CLIENTS)

    def find(self, scope: Scope, client_id: str) -> Stored | None:
        """The client; in a project also one of all projects."""
        own = self.own(scope, client_id)
        return self.central(client_id) if own is None and scope.by_project else own

    def get(self, scope: Scope, client_id: str) -> Stored:
        """The client, else ``NotFound``."""
        stored = self.find(scope, client_id)
        if stored is None:
            raise NotFound(shown_id(client_id))
        return stored

    def own(self, scope: Scope, client_id: str) -> Stored | None:
        """The scope's own client."""
        stored = self._clients.find(scope, client_id)
        if stored is not None and _is_of_project(scope, stored.document):
            return stored
        found = sorted(self.all_own(scope, client_id), key=lambda stored: _rank(scope, stored.document))
        return next(iter(found), None)

    def all_own(self, scope: Scope, client_id: str) -> list[Stored]:
        """The scope's own clients of this id, however they were registered."""
        return self._clients.all(scope, Is(("client.client_id",), as_value(client_id)))

    @staticmethod
    def are_of(scope: Scope, project_id: str) -> Condition:
        """Return what holds of a project's jobs whose client, as :meth:`find` finds it, is of ``project_id``."""
        of_project = Is(("project_id",), Value("string", project_id))
        if project_id == scope.owner:
            return HasClient(of_project)
        # The scope's own clients come before central ones.
        return All((HasClient(All((of_project, OF_ALL_PROJECTS))), Not(HasClient(scope.condition))))

    def central(self, client_id: str) -> Stored | None:
        """The client of all projects."""
        return self._repository.get(CLIENTS, central_key(client_id))


def _rank(scope: Scope, document: Document) -> tuple[bool, bool]:
    return not _is_of_project(scope, document), is_central(document)


def _is_of_project(scope: Scope, document: Document) -> bool:
    return bool(document.get("project_id") == scope.project_id)
