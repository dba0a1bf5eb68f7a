"""The documents that an operation sees and creates.

v1 scopes by user within the token's project, v2 by project; operations do not depend on which.
"""

import hashlib
from dataclasses import dataclass, replace

from freezer_api.documents.fields import Document
from freezer_api.documents.search_index import Value
from freezer_api.repository.query import All, Any, Condition, Is, Missing

_PROJECT = ("project_id",)


@dataclass(frozen=True, slots=True)
class Scope:
    """``by`` is the property that owns (``user_id`` or ``project_id``), ``owner`` its value.

    A scope by user holds the user's documents of ``project_id`` and those without a project, which were imported.
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
        if self.unbounded:
            return True
        if document.get(self.by) != self.owner:
            return False
        return self.by_project or document.get("project_id") in (None, self.project_id)

    @property
    def condition(self) -> Condition:
        """What every search is narrowed to."""
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
        """The scope that reads the documents of all owners."""
        return replace(self, unbounded=True)

    def around(self, document: Document) -> "Scope":
        """The scope of everything that the document may be tied to: its project, whatever the owners there; of a
        document without a project the user's other documents without one.
        """
        project = document.get("project_id")
        if project is None:
            return replace(self, project_id=None)
        return replace(self, by="project_id", owner=project)

    def stamped(self, document: Document) -> Document:
        """A new document of this scope."""
        return {**document, "user_id": self.user_id, "project_id": self.project_id}

    def client_key(self, client_id: str) -> str:
        """Return the key of a client: one for each ``client_id`` of a scope, so that a second registration meets
        the first. A digest, as all parts together may be longer than engines allow.

        Releases before DECISION 15 keyed the clients of a user without the project; those are found by search.
        """
        within = "" if self.by_project or self.project_id is None else f"{self.project_id}:"
        return _digest(f"{self.by}:{self.owner}:{within}{client_id}")


def central_key(client_id: str) -> str:
    """The key of a client of all projects."""
    return _digest(f"central:{client_id}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
