"""Whose documents an operation sees and makes. v1 scopes by user, v2 by project; operations do not care which."""

import hashlib
from dataclasses import dataclass

from freezer_api.documents.fields import Document
from freezer_api.documents.search_index import Value
from freezer_api.repository.query import Is


@dataclass(frozen=True, slots=True)
class Scope:
    """``by`` is the property that owns (``user_id`` or ``project_id``), ``owner`` its value.

    ``user_id`` and ``project_id`` are stamped on every new document.
    """

    by: str
    owner: str
    user_id: str
    project_id: str | None

    def owns(self, document: Document) -> bool:
        """Whether the document is of this scope; anything else does not exist for the caller."""
        return bool(document.get(self.by) == self.owner)

    @property
    def condition(self) -> Is:
        """What every search is narrowed to."""
        return Is((self.by,), Value("string", self.owner))

    def stamped(self, document: Document) -> Document:
        """A new document of this scope."""
        return {**document, "user_id": self.user_id, "project_id": self.project_id}

    def client_key(self, client_id: str) -> str:
        """The key of a client: one for each ``client_id`` of a scope, so that a second registration meets the
        first. A digest, as both parts together may be longer than engines allow.
        """
        return hashlib.sha256(f"{self.by}:{self.owner}:{client_id}".encode()).hexdigest()
