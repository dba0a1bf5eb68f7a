# SPDX-License-Identifier: Apache-2.0
"""Administration of a store: create, upgrade, show and remove it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple, Protocol

Ask = Callable[[str], bool]
"""A function that asks the operator a question and returns whether the answer is yes."""

Advance = Callable[[int], object]
"""Report that a further number of documents is done."""

Task = Callable[[str, int | None], AbstractContextManager[Advance]]
"""Report the progress of a task with this label, and this number of documents if it is known."""


def silent(_label: str, _total: int | None) -> AbstractContextManager[Advance]:
    """Report no progress."""
    return nullcontext(lambda _count: None)


class Foreign(NamedTuple):
    """An addition to the store that this service did not create. ``breaks``: it makes requests fail."""

    text: str
    breaks: bool


class StoreAdmin(Protocol):
    """Administer one store. Every method may raise ``Unavailable``, ``StoreFailed`` and ``CommandError``."""

    def pending(self, kinds: Sequence[str]) -> list[str]:
        """Return what :meth:`sync` has to do, one line for each kind that is not current."""
        ...

    def foreign(self, kinds: Sequence[str]) -> list[Foreign]:
        """Return additions of others to the indices or tables of these kinds."""
        ...

    def size_limits(self) -> dict[str, int]:
        """Return the limits of the store for a request, in bytes, by the names of the store's options."""
        ...

    def sync(self, kinds: Sequence[str], erase: Ask, task: Task = silent) -> None:
        """Create or upgrade the indices or tables of these kinds without loss of documents.

        An index of this name that another program created is removed if ``erase`` returns true. The service and
        other processes may run meanwhile, and an interrupted run can be repeated. ``task``
        reports progress.
        """
        ...

    def notes(self) -> list[str]:
        """Return a line for each remark to the operator after :meth:`sync`."""
        ...

    def remove(self, kinds: Sequence[str], *, test_only: bool = False) -> list[str]:
        """Remove all documents of these kinds, unless ``test_only``. Return the kinds that existed."""
        ...

    def show(self) -> Any:
        """Return a JSON description of the indices or tables, None if none exists."""
        ...

    def update_settings(self) -> str:
        """Apply the settings that can be changed at any time. Return one line that names them."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...
