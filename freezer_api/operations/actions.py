# SPDX-License-Identifier: Apache-2.0
"""Operations on the library of actions, which jobs copy."""

from freezer_api.documents import actions
from freezer_api.documents.fields import Document
from freezer_api.documents.merge import deep_merge
from freezer_api.operations.scope import Scope
from freezer_api.operations.scoped import DocumentOperations
from freezer_api.repository.protocol import Stored


class Actions(DocumentOperations):
    """Actions of a scope. Jobs keep their copies of a deleted action."""

    kind = actions.ACTIONS

    def create(self, scope: Scope, action: Document) -> Stored:
        """Create an action under its own id or a new one. Raises ``AlreadyExists`` if the id is taken."""
        id_ = action.get("action_id") or self._new_id()
        return self._documents.create(scope, id_, {**action, "action_id": id_})

    def put(self, scope: Scope, action_id: str, action: Document) -> Stored:
        return self._documents.put(scope, action_id, lambda _old: action)

    def patch(self, scope: Scope, action_id: str, patch: Document) -> Stored:
        """Merge a patch into the action; in a project the action is converted to the nested form."""

        def change(action: Document) -> Document:
            return deep_merge(actions.nested(action) if patch and scope.by_project else action, patch)

        return self._documents.patch(scope, action_id, change)
