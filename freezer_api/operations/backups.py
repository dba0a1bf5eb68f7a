# SPDX-License-Identifier: Apache-2.0
"""Operations on backups."""

from freezer_api.context import Caller
from freezer_api.documents import backups
from freezer_api.documents.fields import Document
from freezer_api.errors import NotFound
from freezer_api.operations.scope import Scope
from freezer_api.operations.scoped import DocumentOperations, shown_id
from freezer_api.repository.protocol import Stored


class Backups(DocumentOperations):
    """Backups of a scope."""

    kind = backups.BACKUPS

    def create(self, scope: Scope, caller: Caller, report: Document) -> Stored:
        """Create a backup with the name of the caller."""
        id_ = self._new_id()
        return self._documents.create(scope, id_, {"backup_id": id_, "user_name": caller.user_name, **report})

    def patch(self, scope: Scope, backup_id: str, patch: Document) -> Stored:
        return self._documents.patch(scope, backup_id, lambda backup: backups.patched(backup, patch))

    def delete(self, scope: Scope, id_: str) -> None:
        """Delete the backup. Raises ``NotFound`` in a project if it does not exist."""
        if not self._documents.delete(scope, id_) and scope.by_project:
            raise NotFound(shown_id(id_))
