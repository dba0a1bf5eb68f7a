# SPDX-License-Identifier: Apache-2.0
"""The routes of jobs."""

from collections.abc import Sequence

import falcon

from freezer_api.api.resources.documents import Documents
from freezer_api.api.wire import Exchange, new_id
from freezer_api.documents import jobs
from freezer_api.documents.fields import Document
from freezer_api.operations.jobs import Jobs
from freezer_api.repository.protocol import Stored

ALL_PROJECTS = "jobs:get_all_projects"


class JobsResource(Documents):
    def __init__(self, operations: Jobs) -> None:
        super().__init__(jobs.JOBS, operations)
        self._jobs = operations

    def search(self, exchange: Exchange) -> None:
        scope = exchange.scope
        if not scope.by_project:
            super().search(exchange)
            return
        shown = None if exchange.may(ALL_PROJECTS) else self._jobs.process_condition(scope, exchange.caller)
        with exchange.listing(jobs.JOBS, shown) as query:
            if exchange.flag("all_projects") and shown is None:
                scope = scope.everywhere()
            page = self._jobs.search(scope, query)
            exchange.answer_page(jobs.JOBS, page, self._visible_to_caller(exchange, page.items))

    def get(self, exchange: Exchange, id_: str) -> None:
        scope = exchange.scope
        if not scope.by_project:
            super().get(exchange, id_)
        else:
            stored = self._jobs.get(scope.everywhere() if exchange.may(ALL_PROJECTS) else scope, id_)
            exchange.answer_document(jobs.JOBS, *self._visible_to_caller(exchange, [stored]))

    def _visible_to_caller(self, exchange: Exchange, found: Sequence[Stored]) -> Sequence[Stored]:
        """Return the jobs without the process ids that the caller may not see."""
        if all(jobs.process_of(stored.document) is None for stored in found) or exchange.may(ALL_PROJECTS):
            return found
        return self._jobs.without_hidden_processes(exchange.scope, exchange.caller, found)

    def create(self, exchange: Exchange) -> None:
        job = exchange.version.job(_expanded(exchange, exchange.body()))
        stored = self._jobs.create(exchange.scope, job, exchange.delegator)
        exchange.answer(falcon.HTTP_201, {"job_id": stored.key})

    def put(self, exchange: Exchange, job_id: str) -> None:
        job = exchange.version.job_replacement(_expanded(exchange, exchange.body()))
        stored = self._jobs.put(exchange.scope, new_id(job_id), job, exchange.delegator)
        self._answer_change(exchange, falcon.HTTP_201, job_id, stored)

    def patch(self, exchange: Exchange, job_id: str) -> None:
        patch = exchange.version.job_patch(_expanded(exchange, exchange.body_or_empty()))
        stored = self._jobs.patch(exchange.scope, job_id, patch, exchange.delegator)
        self._answer_change(exchange, falcon.HTTP_200, job_id, stored)

    def delete(self, exchange: Exchange, id_: str) -> None:
        self._jobs.delete(exchange.scope, id_, exchange.delegator)
        exchange.answer_no_content()

    def event(self, exchange: Exchange, job_id: str) -> None:
        event = jobs.event_of(exchange.request(jobs.BAD_EVENT))
        exchange.answer(falcon.HTTP_202, {"result": self._jobs.request(exchange.scope, job_id, event)})


def _expanded(exchange: Exchange, body: Document) -> Document:
    return jobs.with_defaults(body, exchange.limits)
