# SPDX-License-Identifier: Apache-2.0
"""Register, describe and delete clients."""

from collections.abc import Callable
from dataclasses import replace

from freezer_api.documents import clients
from freezer_api.documents.clients import CLIENTS
from freezer_api.documents.fields import Document
from freezer_api.documents.limits import DEFAULTS, Limits
from freezer_api.documents.merge import deep_merge, same
from freezer_api.errors import AlreadyExists, Conflict, Forbidden
from freezer_api.operations.client_lookup import OF_ALL_PROJECTS, ClientLookup
from freezer_api.operations.duplicates import unite
from freezer_api.operations.pages import bounded_page
from freezer_api.operations.rewrite import retry_on_conflict, rewrite
from freezer_api.operations.scope import Scope, central_key
from freezer_api.operations.scoped import DocumentOperations
from freezer_api.repository.protocol import Page, Repository, Stored
from freezer_api.repository.query import Any, Query


class Clients(DocumentOperations):
    """Manages the clients of a scope; ``new_id`` returns a ``uuid``."""

    kind = CLIENTS

    def __init__(
        self,
        repository: Repository,
        clients: ClientLookup,
        new_id: Callable[[], str],
        limits: Limits = DEFAULTS,
    ) -> None:
        super().__init__(repository, new_id, limits)
        self._repository = repository
        self._lookup = clients

    def search(self, scope: Scope, query: Query) -> Page:
        """Return a page of the scope's clients, in a project also of central ones."""
        if not scope.by_project:
            return super().search(scope, query)
        seen = Any((scope.condition, OF_ALL_PROJECTS))
        query = replace(query, conditions=(seen, *query.conditions))
        return bounded_page(self._repository, CLIENTS, query, self._limits.max_page_bytes)

    def get(self, scope: Scope, id_: str) -> Stored:
        return self._lookup.get(scope, id_)

    def register(self, scope: Scope, client: Document) -> Stored:
        """Create a client. Raise ``AlreadyExists`` if the scope has one of this id, or any project a central one.

        Only one of several concurrent registrations of one id, in any version, succeeds.
        """
        client_id, stored = client["client_id"], None
        if not self._lookup.all_own(scope, client_id):
            self._check_not_central(scope, client_id)
            stored = self._documents.create(scope, client_id, self._with_uuid(client))
        # v2 may have created one in between, or a process may have been killed before it united them.
        kept = retry_on_conflict(lambda: self._unite(scope, client_id))
        if stored is None or (kept is not None and _is_another(kept, stored)):
            raise AlreadyExists(f"Client already registered with ID {client_id}")
        return stored

    def _with_uuid(self, client: Document) -> Document:
        return {"client": {**client, "uuid": client.get("uuid") or self._new_id()}}

    def announce(self, scope: Scope, client: Document) -> Stored:
        """Create a client in a project, or update the description and capabilities of an existing one.

        A client with ``is_central`` becomes the only central one of its id. Raises ``AlreadyExists`` if another
        project has one.
        """
        announce = self._announce_centrally if client.get("is_central") else self._announce

        def attempt() -> Stored:
            stored = announce(scope, client)
            # v1, or a registration as central, may have created one in between.
            return self._unite(scope, client["client_id"]) or stored

        return retry_on_conflict(attempt)

    def _announce(self, scope: Scope, client: Document) -> Stored:
        own = self._lookup.own(scope, client["client_id"])
        if own is not None:
            return self._update(own, client)
        self._check_not_central(scope, client["client_id"])
        return self._documents.create_or_conflict(scope, client["client_id"], self._with_uuid(client))

    def _check_not_central(self, scope: Scope, client_id: str) -> None:
        """Raise ``AlreadyExists`` if any project has a central client of this id.

        Raise ``Conflict`` if it belongs to the same project: then it was created after the search for it.
        """
        central = self._lookup.central(client_id)
        if central is None:
            return
        if central.document.get("project_id") == scope.project_id:
            raise Conflict(f"Client already registered with ID {client_id}")
        raise _taken(client_id)

    def _unite(self, scope: Scope, client_id: str) -> Stored | None:
        """Merge duplicates among the project's clients of this id, and return the preferred one, or None."""
        project = scope.around({"project_id": scope.project_id})
        found = self._lookup.all_own(project, client_id)
        return unite(self._repository, found) if found else None

    def _announce_centrally(self, scope: Scope, client: Document) -> Stored:
        central = self._lookup.central(client["client_id"])
        if central is not None and not scope.owns(central.document):
            raise _taken(client["client_id"])
        # Create the new document before the old one is deleted: if the process is killed in between, a repeated
        # request finds both.
        own = self._lookup.own(scope, client["client_id"])
        stored = self._update(central, client) if central is not None else self._create_central(scope, own, client)
        if own is not None and own.key != stored.key:
            self._repository.delete(CLIENTS, own.key, own.token)
        return stored

    def _update(self, known: Stored, client: Document) -> Stored:
        document = clients.announced_again(known.document, client)
        if same(document, known.document):
            return known
        self._limits.check(CLIENTS, document, known.document)
        return self._repository.replace(CLIENTS, known.key, document, known.token)

    def _create_central(self, scope: Scope, own: Stored | None, client: Document) -> Stored:
        if own is None:
            document = scope.stamped(self._with_uuid(client))
        else:
            document = clients.announced_again(own.document, client)
        self._limits.check(CLIENTS, document, None if own is None else own.document)
        try:
            return self._repository.create(
                CLIENTS, central_key(client["client_id"]), clients.made_central(document)
            )
        except AlreadyExists as error:
            raise Conflict(str(error)) from None

    def patch(self, scope: Scope, client_id: str, patch: Document) -> Stored:
        """Merge a patch into the client. Raises ``Forbidden`` for a central client of another project."""

        def change(document: Document) -> Document:
            merged = deep_merge(document, {"client": patch})
            self._limits.check(CLIENTS, merged, document)
            return merged

        return rewrite(
            self._repository,
            CLIENTS,
            lambda: _changeable(scope, self._lookup.get(scope, client_id)),
            change,
        )

    def delete(self, scope: Scope, id_: str) -> None:
        """Delete the client if it exists. Raises ``Forbidden`` for a central client of another project."""

        def attempt() -> None:
            stored = self._lookup.find(scope, id_)
            if stored is not None:
                self._repository.delete(CLIENTS, _changeable(scope, stored).key, stored.token)

        retry_on_conflict(attempt)


def _is_another(kept: Stored, stored: Stored) -> bool:
    """Return whether the user's client was created by another registration than this one."""
    is_of_user = kept.document.get("user_id") == stored.document["user_id"]
    return bool(is_of_user and kept.document["client"].get("uuid") != stored.document["client"]["uuid"])


def _changeable(scope: Scope, stored: Stored) -> Stored:
    if not scope.owns(stored.document):
        raise Forbidden
    return stored


def _taken(client_id: str) -> AlreadyExists:
    return AlreadyExists(f"Client {client_id} is already registered by another project")
