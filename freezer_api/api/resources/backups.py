# SPDX-License-Identifier: Apache-2.0
"""The routes of backups."""

import falcon

from freezer_api.api.resources.documents import Documents
from freezer_api.api.wire import Exchange
from freezer_api.documents.backups import BACKUPS
from freezer_api.operations.backups import Backups


class BackupsResource(Documents):
    def __init__(self, operations: Backups) -> None:
        super().__init__(BACKUPS, operations)
        self._backups = operations

    def create(self, exchange: Exchange) -> None:
        report = exchange.version.backup(exchange.body())
        stored = self._backups.create(exchange.scope, exchange.caller, report)
        exchange.answer(falcon.HTTP_201, {"backup_id": stored.key})

    def patch(self, exchange: Exchange, backup_id: str) -> None:
        patch = exchange.version.backup_patch(exchange.filled_body())
        exchange.answer_document(BACKUPS, self._backups.patch(exchange.scope, backup_id, patch))
