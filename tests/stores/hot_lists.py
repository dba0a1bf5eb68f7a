# SPDX-License-Identifier: Apache-2.0
"""The most frequent lists of clients, and the index that returns each of them in order."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
from _pytest.mark import ParameterSet

from freezer_api.documents.kind import Kind
from freezer_api.documents.registry import KINDS
from freezer_api.operations.scope import Scope
from freezer_api.repository import query as q
from freezer_api.repository.protocol import Page, Repository
from tests.contract.asking import CLIENTS, JOBS, is_

SCOPES = {"user_id": Scope("user_id", "u1", "u1", "p1"), "project_id": Scope("project_id", "p1", "u1", "p1")}
_NOT_COMPLETED = q.Not(is_("job_schedule.status", "completed"))
_FREE = (is_("*free", "a"), q.HasWords(None, ("b",)), q.Not(q.HasValue("c")))
_POSITION = q.Position(1, 10, "x")


class HotList(NamedTuple):
    """A list. ``equal``: the columns of its index that the conditions compare; ``more``: other columns."""

    kind: Kind
    conditions: tuple[q.Condition, ...]
    equal: tuple[str, ...]
    more: tuple[str, ...] = ()

    @property
    def index(self) -> str:
        return f"ix_freezer_{self.kind.name}_{'_'.join((*self.equal, *self.more)) or 'created'}"

    def pages(self, repository: Repository) -> Iterator[tuple[Callable[[], Page], bool]]:
        """Yield searches of the first page, a page by offset, and one after a position, which is marked True."""
        for options in ({}, {"offset": 50}, {"after": _POSITION}):
            query = q.Query(self.conditions, **options)  # type: ignore[arg-type]
            yield lambda query=query: repository.search(self.kind, query), "after" in options  # type: ignore[misc]


def _hot_lists() -> Iterator[tuple[str, HotList]]:
    of_client = is_("client_id", "c1")
    yield "all jobs", HotList(JOBS, (), ())
    yield "all unfinished jobs", HotList(JOBS, (_NOT_COMPLETED,), ())
    yield "a central scheduler polls", HotList(JOBS, (of_client, _NOT_COMPLETED), ("client_id",))
    yield "all jobs of a client", HotList(JOBS, (of_client,), ("client_id",))
    for owner, scope in SCOPES.items():
        jobs, columns = (scope.condition, of_client), (owner, "client_id")
        yield f"a scheduler of a {owner} polls", HotList(JOBS, (*jobs, _NOT_COMPLETED), columns)
        yield f"jobs of a {owner} and client", HotList(JOBS, jobs, columns)
        named = (scope.condition, is_("client.client_id", "c1"))
        yield f"clients of a {owner} by name", HotList(CLIENTS, named, columns)
        more = ("project_id",) if owner == "user_id" else ()
        for kind in KINDS:
            yield f"{kind.name} of a {owner}", HotList(kind, (scope.condition,), (owner,), more)
            yield f"{kind.name} of a {owner}, searched", HotList(kind, (scope.condition, *_FREE), (owner,), more)


def hot_lists(*kinds: Kind) -> list[ParameterSet]:
    """Return the lists of these kinds as parameters."""
    return [pytest.param(hot, id=name) for name, hot in _hot_lists() if hot.kind in kinds]
