# SPDX-License-Identifier: Apache-2.0
"""Helpers that create documents and search for them."""

from collections.abc import Callable
from typing import Any

from freezer_api.documents.registry import KINDS
from freezer_api.documents.search_index import Scalar, as_value
from freezer_api.repository import query as q
from freezer_api.repository.protocol import Page, Repository, Stored

BACKUPS, CLIENTS, JOBS, ACTIONS, SESSIONS = KINDS


def job(key: str, **more: Any) -> dict[str, Any]:
    return {"job_id": key, "user_id": "ann", "project_id": "red", "client_id": "host", **more}


def keep(repository: Repository, *keys: str, **more: Any) -> list[Stored]:
    """Create jobs with these keys in this order, and return them as stored."""
    return [repository.create(JOBS, key, job(key, **more)) for key in keys]


def is_(name: str, scalar: Scalar, *more_names: str) -> q.Is:
    return q.Is((name, *more_names), as_value(scalar))


def keys_of(page: Page) -> list[str]:
    return [stored.key for stored in page.items]


def found(repository: Repository, *conditions: q.Condition, kind: Any = JOBS, limit: int = 1000) -> list[str]:
    """Return the keys of all matching documents in the order of lists. Check the total, too."""
    page = repository.search(kind, q.Query(conditions, limit=limit, with_total=True))
    assert page.total == len(page.items)
    return keys_of(page)


SECRET = "a value that no error may show"


def every_call(repository: Repository) -> dict[str, Callable[[], object]]:
    """Return, by method name, a call of each method of the repository. The job ``one`` has to exist."""
    stored = repository.get(JOBS, "one")
    assert stored is not None
    return {
        "get": lambda: repository.get(JOBS, "one"),
        "search": lambda: repository.search(JOBS, q.Query(with_total=True)),
        "check": repository.check,
        "create": lambda: repository.create(JOBS, "new", job("new", n=SECRET)),
        "replace": lambda: repository.replace(JOBS, "one", job("one", n=SECRET), stored.token),
        "delete": lambda: repository.delete(JOBS, "one", stored.token),
    }


def exactly(left: Any, right: Any) -> bool:
    """Return whether two JSON values are equal in type and value at every depth: 1 is not 1.0, 0.0 is not -0.0."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(exactly(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(exactly, left, right))
    return repr(left) == repr(right)
