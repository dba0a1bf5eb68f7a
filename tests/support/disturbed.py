# SPDX-License-Identifier: Apache-2.0
"""A store that calls a function at a chosen call: to write concurrently, lose the connection or kill the process.

.. code-block:: python

    store = Disturbed(real)
    store.before("create", "actions", rival)      # the next creation of an action
    store.after("write", "*", cut, skip=1)        # the second write of anything

The callable may raise. :func:`cut` raises the error of a driver whose connection is lost. :func:`killed` raises
an exception that no handler catches, as if the process had been killed. It is called once, or
``times`` times.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

from freezer_api.documents.kind import Kind
from freezer_api.errors import Unavailable
from freezer_api.repository.protocol import Repository

Happening = Callable[[], object]

WRITES = ("create", "create_all", "restore", "replace", "delete")
_METHODS_OF_KINDS = (*WRITES, "get", "search")
_METHODS = {"write": WRITES, "create": ("create", "create_all")}


class Killed(BaseException):
    """Raised where the process is assumed to be killed."""


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
    """A store that delegates to ``store`` and counts the writes."""

    def __init__(self, store: Repository) -> None:
        self.writes = 0
        self._store = store
        self._plans: list[_Plan] = []

    def before(self, method: str, kind: str, happening: Happening, *, skip: int = 0, times: int = 1) -> None:
        """Call ``happening`` before the call after ``skip`` others. ``write``: any write; ``*``: any kind."""
        self._plans.append(_Plan("before", method, kind, happening, skip, times))

    def after(self, method: str, kind: str, happening: Happening, *, skip: int = 0, times: int = 1) -> None:
        """Call ``happening`` after the store has completed the call, before it returns."""
        self._plans.append(_Plan("after", method, kind, happening, skip, times))

    def __getattr__(self, name: str) -> Any:
        return partial(self._call, name) if name in _METHODS_OF_KINDS else getattr(self._store, name)

    def check(self) -> None:
        self._happen("before", "check", "*")
        self._store.check()

    def _call(self, method: str, kind: Kind, *arguments: Any) -> Any:
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
