# SPDX-License-Identifier: Apache-2.0
"""The routes of clients."""

import falcon

from freezer_api.api.resources.documents import Documents
from freezer_api.api.wire import Exchange
from freezer_api.documents.clients import CLIENTS
from freezer_api.operations.clients import Clients


class ClientsResource(Documents):
    def __init__(self, operations: Clients) -> None:
        super().__init__(CLIENTS, operations)
        self._clients = operations

    def create(self, exchange: Exchange) -> None:
        body = exchange.body()
        if exchange.scope.by_project:
            if body.get("is_central"):
                exchange.require("clients:create_central")
            client = exchange.version.client(body)
            self._clients.announce(exchange.scope, client)
        else:
            client = exchange.version.client(body)
            self._clients.register(exchange.scope, client)
        exchange.answer(falcon.HTTP_201, {"client_id": client["client_id"]})

    def patch(self, exchange: Exchange, client_id: str) -> None:
        patch = exchange.version.client_patch(exchange.body_or_empty())
        stored = self._clients.patch(exchange.scope, client_id, patch)
        self._answer_change(exchange, falcon.HTTP_200, client_id, stored)
