# SPDX-License-Identifier: Apache-2.0
"""The routes of all kinds: lists, single documents, deletion."""

from typing import Protocol

from freezer_api.api.wire import Exchange
from freezer_api.documents.kind import Kind
from freezer_api.operations.scope import Scope
from freezer_api.repository.protocol import Page, Stored
from freezer_api.repository.query import Query


class Operations(Protocol):
    """The operations that every kind offers."""

    def search(self, scope: Scope, query: Query) -> Page: ...

    def get(self, scope: Scope, id_: str, /) -> Stored: ...

    def delete(self, scope: Scope, id_: str, /) -> None: ...


class Documents:
    """Reads and deletes documents of one kind."""

    def __init__(self, kind: Kind, operations: Operations) -> None:
        self._kind = kind
        self._operations = operations

    def search(self, exchange: Exchange) -> None:
        with exchange.listing(self._kind) as query:
            exchange.answer_page(self._kind, self._operations.search(exchange.scope, query))

    def get(self, exchange: Exchange, id_: str) -> None:
        exchange.answer_document(self._kind, self._operations.get(exchange.scope, id_))

    def delete(self, exchange: Exchange, id_: str) -> None:
        self._operations.delete(exchange.scope, id_)
        exchange.answer_no_content()

    def _answer_change(self, exchange: Exchange, status: str, id_: str, stored: Stored) -> None:
        exchange.answer(status, {self._kind.id_field: id_, "version": stored.version})
