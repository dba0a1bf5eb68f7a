# SPDX-License-Identifier: Apache-2.0
"""Read and change the documents of a scope. Documents of other owners are treated as missing."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from freezer_api.documents.fields import ID, Document
from freezer_api.documents.json_codec import one_line
from freezer_api.documents.kind import Kind
from freezer_api.documents.limits import DEFAULTS, Limits
from freezer_api.errors import AlreadyExists, Conflict, NotFound
from freezer_api.operations.pages import bounded_page
from freezer_api.operations.rewrite import retry_on_conflict, rewrite
from freezer_api.operations.scope import Scope
from freezer_api.repository.protocol import Page, Repository, Stored
from freezer_api.repository.query import Condition, Query


def shown_id(id_: str) -> str:
    """Return the id for a message."""
    return one_line(id_, ID["maxLength"])


def owner_fields(document: Document) -> Document:
    """Return the properties of a document that identify its owner."""
    return {name: document[name] for name in ("user_id", "project_id") if name in document}


def iterate_all(repository: Repository, kind: Kind, *conditions: Condition, limit: int = 100) -> Iterator[Stored]:
    """Yield all documents that meet the conditions, in the order of creation, read in pages of ``limit``."""
    query = Query(conditions, limit=limit)
    while True:
        page = repository.search(kind, query)
        yield from page.items
        if page.next is None:
            return
        query = replace(query, after=page.next)


class ScopedDocuments:
    """Reads and changes documents of one kind by their id.

    ``limits`` apply to :meth:`create`, :meth:`put` and :meth:`patch`, not to :meth:`rewrite`.
    """

    def __init__(self, repository: Repository, kind: Kind, limits: Limits = DEFAULTS) -> None:
        self._repository = repository
        self._kind = kind
        self._limits = limits

    def _key(self, scope: Scope, id_: str) -> str:
        return id_ if self._kind.keyed_by_id else scope.client_key(id_)

    def find(self, scope: Scope, id_: str) -> Stored | None:
        """Return the document, or None if the scope has none of this id."""
        stored = self._repository.get(self._kind, self._key(scope, id_))
        return stored if stored is not None and scope.owns(stored.document) else None

    def get(self, scope: Scope, id_: str) -> Stored:
        """Return the document. Raises ``NotFound``."""
        stored = self.find(scope, id_)
        if stored is None:
            raise NotFound(shown_id(id_))
        return stored

    def find_or_free(self, scope: Scope, id_: str) -> Stored | None:
        """Return the document, or None if the id is free. Raises ``AlreadyExists`` if it has another owner."""
        stored = self._repository.get(self._kind, self._key(scope, id_))
        if stored is not None and not scope.owns(stored.document):
            raise self._taken(id_)
        return stored

    def _taken(self, id_: str) -> AlreadyExists:
        return AlreadyExists(f"{self._kind.title} already registered with ID {id_}")

    def search(self, scope: Scope, query: Query) -> Page:
        """Return a page of the scope's documents that meet the query."""
        query = replace(query, conditions=(scope.condition, *query.conditions))
        return bounded_page(self._repository, self._kind, query, self._limits.max_page_bytes)

    def all(self, scope: Scope, condition: Condition) -> list[Stored]:
        """Return all documents of the scope that meet a condition, which should be few."""
        return list(iterate_all(self._repository, self._kind, scope.condition, condition))

    def create(self, scope: Scope, id_: str, document: Document) -> Stored:
        """Create a document. Raises ``AlreadyExists`` if the id is taken, also by another owner."""
        self._limits.check(self._kind, document)
        try:
            return self._repository.create(self._kind, self._key(scope, id_), scope.stamped(document))
        except AlreadyExists:
            raise self._taken(id_) from None

    def rewrite(
        self,
        scope: Scope,
        id_: str,
        change: Callable[[Document], Document],
        before: Callable[[Document, Document], None] | None = None,
    ) -> Stored:
        """Change the document; see :func:`freezer_api.operations.rewrite.rewrite`."""
        return rewrite(self._repository, self._kind, lambda: self.get(scope, id_), change, before)

    def patch(
        self,
        scope: Scope,
        id_: str,
        change: Callable[[Document], Document],
        before: Callable[[Document, Document], None] | None = None,
    ) -> Stored:
        """:meth:`rewrite` the document within the limits."""

        def changed(old: Document) -> Document:
            new = change(old)
            self._limits.check(self._kind, new, old)
            return new

        return self.rewrite(scope, id_, changed, before)

    def put(
        self,
        scope: Scope,
        id_: str,
        make: Callable[[Document | None], Document],
        before: Callable[[Document, Document], None] | None = None,
    ) -> Stored:
        """Create the document, or replace it by the result of ``make`` for the old one.

        The owner does not change. Raises ``AlreadyExists`` if the id has another owner. ``before`` is called with
        the old and the new document before each replacement.
        """

        def attempt() -> Stored:
            old = self.find_or_free(scope, id_)
            new = {**make(None if old is None else old.document), self._kind.id_field: id_}
            if old is None:
                return self.create_or_conflict(scope, id_, new)
            new = {**new, **owner_fields(old.document)}
            self._limits.check(self._kind, new, old.document)
            if before is not None:
                before(old.document, new)
            return self._repository.replace(self._kind, old.key, new, old.token)

        return retry_on_conflict(attempt)

    def create_or_conflict(self, scope: Scope, id_: str, document: Document) -> Stored:
        """Create the document. Raises ``Conflict`` if it exists meanwhile, so that the next attempt reads it."""
        try:
            return self.create(scope, id_, document)
        except AlreadyExists as error:
            raise Conflict(str(error)) from None

    def delete(self, scope: Scope, id_: str, before: Callable[[Stored], None] = lambda _stored: None) -> bool:
        """Delete the document, and return whether it existed. ``before`` is called before each attempt."""

        def attempt() -> bool:
            stored = self.find(scope, id_)
            if stored is None:
                return False
            before(stored)
            self._repository.delete(self._kind, stored.key, stored.token)
            return True

        return retry_on_conflict(attempt)


class DocumentOperations:
    """The operations that several kinds have in common; ``new_id`` returns an unused id."""

    kind: Kind

    def __init__(self, repository: Repository, new_id: Callable[[], str], limits: Limits = DEFAULTS) -> None:
        self._documents = ScopedDocuments(repository, self.kind, limits)
        self._new_id = new_id
        self._limits = limits

    def search(self, scope: Scope, query: Query) -> Page:
        return self._documents.search(scope, query)

    def get(self, scope: Scope, id_: str) -> Stored:
        return self._documents.get(scope, id_)

    def delete(self, scope: Scope, id_: str) -> None:
        """Delete the document if it exists."""
        self._documents.delete(scope, id_)
