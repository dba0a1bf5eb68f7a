# SPDX-License-Identifier: Apache-2.0
"""The documents that an operation sees and creates.

In v1 the scope is a user within the token's project, in v2 a project. Operations do not depend on which it is.
"""

import hashlib
from dataclasses import dataclass, replace

from freezer_api.documents.fields import Document
from freezer_api.documents.search_index import Value
from freezer_api.repository.query import All, Any, Condition, Is, Missing

_PROJECT = ("project_id",)


@dataclass(frozen=True, slots=True)
class Scope:
    """``by`` is the property of the owner (``user_id`` or ``project_id``), ``owner`` its value.

    A scope by user has the user's documents of ``project_id`` and imported ones without a project. New documents
    get ``user_id`` and ``project_id``. ``unbounded``: reads documents of all owners.
    """

    by: str
    owner: str
    user_id: str
    project_id: str | None
    unbounded: bool = False

    @property
    def by_project(self) -> bool:
        """Whether the owner is a project, as in v2."""
        return self.by == "project_id"

    def owns(self, document: Document) -> bool:
        """Return whether the document is in this scope."""
        if self.unbounded:
            return True
        if document.get(self.by) != self.owner:
            return False
        return self.by_project or document.get("project_id") in (None, self.project_id)

    @property
    def condition(self) -> Condition:
        """The condition of every search."""
        if self.unbounded:
            return All(())
        owned = Is((self.by,), Value("string", self.owner))
        if self.by_project:
            return owned
        projects: list[Condition] = [Missing(_PROJECT)]
        if self.project_id is not None:
            projects.insert(0, Is(_PROJECT, Value("string", self.project_id)))
        return All((owned, Any(tuple(projects))))

    def everywhere(self) -> "Scope":
        """Return the scope with the documents of all owners."""
        return replace(self, unbounded=True)

    def around(self, document: Document) -> "Scope":
        """Return the scope of related documents: the document's project, or without one the user's documents
        without a project.
        """
        project = document.get("project_id")
        if project is None:
            return replace(self, project_id=None)
        return replace(self, by="project_id", owner=project)

    def stamped(self, document: Document) -> Document:
        """Return the document with the owner of this scope."""
        return {**document, "user_id": self.user_id, "project_id": self.project_id}

    def client_key(self, client_id: str) -> str:
        """Return the key of a client, which is unique for a scope and ``client_id``: a second registration finds
        the first. It is a digest, because the parts together may be too long for a key.

        Older releases did not include the project in a user's key; these clients are found by search.
        """
        within = "" if self.by_project or self.project_id is None else f"{self.project_id}:"
        return _digest(f"{self.by}:{self.owner}:{within}{client_id}")


def central_key(client_id: str) -> str:
    """Return the key of a central client."""
    return _digest(f"central:{client_id}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
