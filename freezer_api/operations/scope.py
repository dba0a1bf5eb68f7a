"""Whose documents an operation sees and makes. v1 scopes by user, v2 by project; operations do not care which."""

import hashlib
from dataclasses import dataclass, replace

from freezer_api.documents.fields import Document
from freezer_api.documents.search_index import Value
from freezer_api.repository.query import All, Condition, Is


@dataclass(frozen=True, slots=True)
class Scope:
    """``by`` is the property that owns (``user_id`` or ``project_id``), ``owner`` its value.

    ``user_id`` and ``project_id`` are stamped on every new document. ``unbounded``: reads see every owner's.
    """

    by: str
    owner: str
    user_id: str
    project_id: str | None
    unbounded: bool = False

    @property
    def by_project(self) -> bool:
        """Whether a project owns. Clients of a project are known before they have jobs, or are central."""
        return self.by == "project_id"

    def owns(self, document: Document) -> bool:
        """Whether the document is of this scope; anything else does not exist for the caller."""
        return self.unbounded or bool(document.get(self.by) == self.owner)

    @property
    def condition(self) -> Condition:
        """What every search is narrowed to."""
        return All(()) if self.unbounded else Is((self.by,), Value("string", self.owner))

    def everywhere(self) -> "Scope":
        """The scope that reads the documents of all owners."""
        return replace(self, unbounded=True)

    def around(self, document: Document) -> "Scope":
        """The scope of everything that the document may be tied to: its project, whoever owns what there."""
        project = document.get("project_id")
        return self if project is None else replace(self, by="project_id", owner=project)

    def stamped(self, document: Document) -> Document:
        """A new document of this scope."""
        return {**document, "user_id": self.user_id, "project_id": self.project_id}

    def client_key(self, client_id: str) -> str:
        """The key of a client: one for each ``client_id`` of a scope, so that a second registration meets the
        first. A digest, as both parts together may be longer than engines allow.
        """
        return _digest(f"{self.by}:{self.owner}:{client_id}")


def central_key(client_id: str) -> str:
    """The key of a client of all projects."""
    return _digest(f"central:{client_id}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
