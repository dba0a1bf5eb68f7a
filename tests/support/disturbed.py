"""A store in which something happens at a chosen call: a rival's write, a cut connection, the end of the process.

.. code-block:: python

    store = Disturbed(real)
    store.before("create", "actions", rival)      # the next creation of an action
    store.after("write", "*", cut, skip=1)        # the second write of anything

What is to happen may raise: :class:`~freezer_api.errors.Unavailable` is what a driver makes of a cut connection,
and :func:`killed` is a process that is no more, which no handler of an error outlives. It happens once, or as
often as ``times`` says.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind
from freezer_api.errors import Unavailable
from freezer_api.repository.protocol import Original, Page, Repository, Stored
from freezer_api.repository.query import Query

Happening = Callable[[], object]

WRITES = ("create", "create_all", "restore", "replace", "delete")


_METHODS = {"write": WRITES, "create": ("create", "create_all")}


class Killed(BaseException):
    """The process ended here."""


def killed() -> NoReturn:
    raise Killed


def cut() -> NoReturn:
    raise Unavailable


@dataclass
class _Plan:
    when: str
    method: str
    kind: str
    happening: Happening
    skip: int
    times: int

    def is_for(self, when: str, method: str, kind: str) -> bool:
        methods = _METHODS.get(self.method, (self.method,))
        return self.when == when and method in methods and self.kind in ("*", kind)


class Disturbed:
    """Delegates to ``store``; ``writes`` tells how many writes came through."""

    def __init__(self, store: Repository) -> None:
        self.writes = 0
        self._store = store
        self._plans: list[_Plan] = []

    def before(self, method: str, kind: str, happening: Happening, *, skip: int = 0, times: int = 1) -> None:
        """Let it happen ahead of the call after ``skip`` others; ``write`` is any write, ``*`` any kind."""
        self._plans.append(_Plan("before", method, kind, happening, skip, times))

    def after(self, method: str, kind: str, happening: Happening, *, skip: int = 0, times: int = 1) -> None:
        """Let it happen when the store has done what was asked and nobody knows yet."""
        self._plans.append(_Plan("after", method, kind, happening, skip, times))

    def create(self, kind: Kind, key: str, document: Document) -> Stored:
        return self._called("create", kind, key, document)

    def create_all(self, kind: Kind, documents: Mapping[str, Document]) -> dict[str, Stored]:
        return self._called("create_all", kind, documents)

    def restore(self, kind: Kind, originals: Sequence[Original]) -> list[bool]:
        return self._called("restore", kind, originals)

    def get(self, kind: Kind, key: str) -> Stored | None:
        return self._called("get", kind, key)

    def replace(self, kind: Kind, key: str, document: Document, token: str) -> Stored:
        return self._called("replace", kind, key, document, token)

    def delete(self, kind: Kind, key: str, token: str) -> None:
        self._called("delete", kind, key, token)

    def search(self, kind: Kind, query: Query) -> Page:
        return self._called("search", kind, query)

    def now(self) -> int:
        return self._store.now()

    def check(self) -> None:
        self._happen("before", "check", "*")
        self._store.check()

    def close(self) -> None:
        self._store.close()

    def _called(self, method: str, kind: Kind, *arguments: Any) -> Any:
        self._happen("before", method, kind.name)
        result = getattr(self._store, method)(kind, *arguments)
        self.writes += method in WRITES
        self._happen("after", method, kind.name)
        return result

    def _happen(self, when: str, method: str, kind: str) -> None:
        for plan in [plan for plan in self._plans if plan.is_for(when, method, kind)]:
            if plan.skip:
                plan.skip -= 1
                continue
            plan.times -= 1
            if not plan.times:
                self._plans.remove(plan)
            plan.happening()
