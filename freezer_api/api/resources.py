# SPDX-License-Identifier: Apache-2.0
"""Handlers of the routes, the same for all versions: read the body, call the operation, return the result."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import falcon

from freezer_api.api.wire import Exchange, new_id
from freezer_api.documents import backups, clients, jobs, sessions
from freezer_api.documents.fields import Document
from freezer_api.documents.kind import dropped
from freezer_api.operations.actions import Actions
from freezer_api.operations.backups import Backups
from freezer_api.operations.clients import Clients
from freezer_api.operations.jobs import Jobs
from freezer_api.operations.scoped import DocumentOperations
from freezer_api.operations.sessions import Sessions
from freezer_api.repository.protocol import Stored

ALL_PROJECTS = "jobs:get_all_projects"

Operations = TypeVar("Operations", bound=DocumentOperations)


class Documents(Generic[Operations]):
    """Reads and deletes documents of one kind."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._kind = operations.kind

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


class BackupsResource(Documents[Backups]):
    def create(self, exchange: Exchange) -> None:
        report = exchange.version.backup(exchange.body())
        stored = self._operations.create(exchange.scope, exchange.caller, report)
        exchange.answer(falcon.HTTP_201, {"backup_id": stored.key})

    def patch(self, exchange: Exchange, backup_id: str) -> None:
        patch = backups.patch_of(exchange.filled_body())
        exchange.answer_document(self._kind, self._operations.patch(exchange.scope, backup_id, patch))


class ClientsResource(Documents[Clients]):
    def create(self, exchange: Exchange) -> None:
        body = exchange.body()
        if exchange.scope.by_project and body.get("is_central"):
            exchange.require("clients:create_central")
        client = exchange.version.client(body)
        if exchange.scope.by_project:
            self._operations.announce(exchange.scope, client)
        else:
            self._operations.register(exchange.scope, client)
        exchange.answer(falcon.HTTP_201, {"client_id": client["client_id"]})

    def patch(self, exchange: Exchange, client_id: str) -> None:
        patch = clients.patch_of(exchange.body_or_empty())
        stored = self._operations.patch(exchange.scope, client_id, patch)
        self._answer_change(exchange, falcon.HTTP_200, client_id, stored)


class ActionsResource(Documents[Actions]):
    def create(self, exchange: Exchange) -> None:
        stored = self._operations.create(exchange.scope, exchange.version.action(exchange.filled_body()))
        exchange.answer(falcon.HTTP_201, {"action_id": stored.key})

    def put(self, exchange: Exchange, action_id: str) -> None:
        action = exchange.version.action(dropped(exchange.filled_body(), ("action_id",)))
        stored = self._operations.put(exchange.scope, new_id(action_id), action)
        self._answer_change(exchange, falcon.HTTP_201, action_id, stored)

    def patch(self, exchange: Exchange, action_id: str) -> None:
        patch = exchange.version.action_patch(exchange.body_or_empty())
        stored = self._operations.patch(exchange.scope, action_id, patch)
        self._answer_change(exchange, falcon.HTTP_200, action_id, stored)


class JobsResource(Documents[Jobs]):
    def search(self, exchange: Exchange) -> None:
        scope = exchange.scope
        if not scope.by_project:
            super().search(exchange)
            return
        shown = None if exchange.may(ALL_PROJECTS) else self._operations.process_condition(scope, exchange.caller)
        with exchange.listing(self._kind, shown) as query:
            if exchange.flag("all_projects") and shown is None:
                scope = scope.everywhere()
            page = self._operations.search(scope, query)
            exchange.answer_page(self._kind, page, self._visible_to_caller(exchange, page.items))

    def get(self, exchange: Exchange, id_: str) -> None:
        scope = exchange.scope
        if not scope.by_project:
            super().get(exchange, id_)
        else:
            stored = self._operations.get(scope.everywhere() if exchange.may(ALL_PROJECTS) else scope, id_)
            exchange.answer_document(self._kind, *self._visible_to_caller(exchange, [stored]))

    def _visible_to_caller(self, exchange: Exchange, found: Sequence[Stored]) -> Sequence[Stored]:
        """Return the jobs without the process ids that the caller may not see."""
        if all(jobs.process_of(stored.document) is None for stored in found) or exchange.may(ALL_PROJECTS):
            return found
        return self._operations.without_hidden_processes(exchange.scope, exchange.caller, found)

    def create(self, exchange: Exchange) -> None:
        job = exchange.version.job(_expanded(exchange, exchange.body()))
        stored = self._operations.create(exchange.scope, job, exchange.delegator)
        exchange.answer(falcon.HTTP_201, {"job_id": stored.key})

    def put(self, exchange: Exchange, job_id: str) -> None:
        job = exchange.version.job(dropped(_expanded(exchange, exchange.body()), ("job_id",)))
        stored = self._operations.put(exchange.scope, new_id(job_id), job, exchange.delegator)
        self._answer_change(exchange, falcon.HTTP_201, job_id, stored)

    def patch(self, exchange: Exchange, job_id: str) -> None:
        patch = exchange.version.job_patch(_expanded(exchange, exchange.body_or_empty()))
        stored = self._operations.patch(exchange.scope, job_id, patch, exchange.delegator)
        self._answer_change(exchange, falcon.HTTP_200, job_id, stored)

    def delete(self, exchange: Exchange, id_: str) -> None:
        self._operations.delete(exchange.scope, id_, exchange.delegator)
        exchange.answer_no_content()

    def event(self, exchange: Exchange, job_id: str) -> None:
        event = jobs.event_of(exchange.request(jobs.BAD_EVENT))
        exchange.answer(falcon.HTTP_202, {"result": self._operations.request(exchange.scope, job_id, event)})


def _expanded(exchange: Exchange, body: Document) -> Document:
    return jobs.with_defaults(body, exchange.limits)


class SessionsResource(Documents[Sessions]):
    def create(self, exchange: Exchange) -> None:
        stored = self._operations.create(exchange.scope, exchange.version.session(exchange.body()))
        exchange.answer(falcon.HTTP_201, {"session_id": stored.key})

    def put(self, exchange: Exchange, session_id: str) -> None:
        session = exchange.version.session_replacement(exchange.body())
        stored = self._operations.put(exchange.scope, new_id(session_id), session)
        self._answer_change(exchange, falcon.HTTP_201, session_id, stored)

    def patch(self, exchange: Exchange, session_id: str) -> None:
        patch = sessions.patch_of(exchange.body_or_empty())
        stored = self._operations.patch(exchange.scope, session_id, patch)
        self._answer_change(exchange, falcon.HTTP_200, session_id, stored)

    def act(self, exchange: Exchange, session_id: str) -> None:
        request = sessions.action_of(exchange.request(sessions.BAD_ACTION))
        result, tag = self._operations.act(exchange.scope, session_id, request)
        exchange.answer(falcon.HTTP_202, {"result": result, "session_tag": tag})

    def add_job(self, exchange: Exchange, session_id: str, job_id: str) -> None:
        self._operations.add_job(exchange.scope, session_id, job_id)
        exchange.answer_no_content()

    def remove_job(self, exchange: Exchange, session_id: str, job_id: str) -> None:
        self._operations.remove_job(exchange.scope, session_id, job_id)
        exchange.answer_no_content()
