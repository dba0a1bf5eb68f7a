"""What a caller may do with clients: register, describe and forget them."""

from collections.abc import Callable

from freezer_api.documents import clients
from freezer_api.documents.fields import Document
from freezer_api.documents.merge import deep_merge
from freezer_api.operations.owned import Owned
from freezer_api.operations.scope import Scope
from freezer_api.repository.protocol import Page, Repository, Stored
from freezer_api.repository.query import Query


class Clients:
    """Clients of a scope; ``new_id`` makes a ``uuid``."""

    def __init__(self, repository: Repository, new_id: Callable[[], str]) -> None:
        self._clients = Owned(repository, clients.CLIENTS)
        self._new_id = new_id

    def search(self, scope: Scope, query: Query) -> Page:
        return self._clients.search(scope, query)

    def get(self, scope: Scope, client_id: str) -> Stored:
        return self._clients.get(scope, client_id)

    def register(self, scope: Scope, client: Document) -> Stored:
        """A new client. ``AlreadyExists`` when the scope has one of this id: of many at once one wins."""
        known = {**client, "uuid": client.get("uuid") or self._new_id()}
        return self._clients.create(scope, client["client_id"], {"client": known})

    def patch(self, scope: Scope, client_id: str, patch: Document) -> Stored:
        return self._clients.rewrite(scope, client_id, lambda document: deep_merge(document, {"client": patch}))

    def delete(self, scope: Scope, client_id: str) -> None:
        self._clients.delete(scope, client_id)
