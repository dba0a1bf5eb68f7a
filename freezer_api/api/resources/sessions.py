# SPDX-License-Identifier: Apache-2.0
"""The routes of sessions."""

import falcon

from freezer_api.api.resources.documents import Documents
from freezer_api.api.wire import Exchange, new_id
from freezer_api.documents import sessions
from freezer_api.operations.sessions import Sessions


class SessionsResource(Documents):
    def __init__(self, operations: Sessions) -> None:
        super().__init__(sessions.SESSIONS, operations)
        self._sessions = operations

    def create(self, exchange: Exchange) -> None:
        stored = self._sessions.create(exchange.scope, exchange.version.session(exchange.body()))
        exchange.answer(falcon.HTTP_201, {"session_id": stored.key})

    def put(self, exchange: Exchange, session_id: str) -> None:
        session = exchange.version.session_replacement(exchange.body())
        stored = self._sessions.put(exchange.scope, new_id(session_id), session)
        self._answer_change(exchange, falcon.HTTP_201, session_id, stored)

    def patch(self, exchange: Exchange, session_id: str) -> None:
        patch = exchange.version.session_patch(exchange.body_or_empty())
        stored = self._sessions.patch(exchange.scope, session_id, patch)
        self._answer_change(exchange, falcon.HTTP_200, session_id, stored)

    def act(self, exchange: Exchange, session_id: str) -> None:
        request = sessions.action_of(exchange.request(sessions.BAD_ACTION))
        result, tag = self._sessions.act(exchange.scope, session_id, request)
        exchange.answer(falcon.HTTP_202, {"result": result, "session_tag": tag})

    def add_job(self, exchange: Exchange, session_id: str, job_id: str) -> None:
        self._sessions.add_job(exchange.scope, session_id, job_id)
        exchange.answer_no_content()

    def remove_job(self, exchange: Exchange, session_id: str, job_id: str) -> None:
        self._sessions.remove_job(exchange.scope, session_id, job_id)
        exchange.answer_no_content()
