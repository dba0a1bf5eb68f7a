# SPDX-License-Identifier: Apache-2.0
"""The routes of actions."""

import falcon

from freezer_api.api.resources.documents import Documents
from freezer_api.api.wire import Exchange, new_id
from freezer_api.documents.actions import ACTIONS
from freezer_api.operations.actions import Actions


class ActionsResource(Documents):
    def __init__(self, operations: Actions) -> None:
        super().__init__(ACTIONS, operations)
        self._actions = operations

    def create(self, exchange: Exchange) -> None:
        action = exchange.version.action(exchange.filled_body())
        stored = self._actions.create(exchange.scope, action)
        exchange.answer(falcon.HTTP_201, {"action_id": stored.key})

    def put(self, exchange: Exchange, action_id: str) -> None:
        action = exchange.version.action_replacement(exchange.filled_body())
        stored = self._actions.put(exchange.scope, new_id(action_id), action)
        self._answer_change(exchange, falcon.HTTP_201, action_id, stored)

    def patch(self, exchange: Exchange, action_id: str) -> None:
        patch = exchange.version.action_patch(exchange.body_or_empty())
        stored = self._actions.patch(exchange.scope, action_id, patch)
        self._answer_change(exchange, falcon.HTTP_200, action_id, stored)
