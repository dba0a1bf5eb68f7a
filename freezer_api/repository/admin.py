"""What an operator does to a store: make it, bring its layout up to date, look at it, take it away."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

Ask = Callable[[str], bool]
"""Asks the operator a question; whether the answer is yes."""


class Foreign(NamedTuple):
    """Something in the store that this service has not put there. ``breaks``: requests go wrong with it."""

    text: str
    breaks: bool


class StoreAdmin(Protocol):
    """Administers one store. Every method may raise ``Unavailable``, ``StoreFailed`` and, with a message
    of one line, ``CommandError``.
    """

    def plan(self, kinds: Sequence[str]) -> list[str]:
        """What :meth:`sync` would do, a line each; nothing is changed."""
        ...

    def pending(self, kinds: Sequence[str]) -> list[str]:
        """What :meth:`sync` has to do, a line each; none when all is as this release wants it."""
        ...

    def shortcomings(self) -> list[str]:
        """What the settings want and the store cannot give, a line each."""
        ...

    def foreign(self, kinds: Sequence[str]) -> list[Foreign]:
        """Return what others have added to what documents of these kinds are kept in."""
        ...

    def size_limits(self) -> dict[str, int]:
        """Bytes that the store accepts in a request, by the name of its option; empty if it has no limit."""
        ...

    def sync(self, kinds: Sequence[str], erase: Ask) -> None:
        """Make or upgrade what documents of these kinds are kept in.

        No document is lost, unless something that is none of ours is in the way and ``erase`` says that it may go.
        Safe while the service serves, and when several do it at once; what was interrupted is done anew.
        """
        ...

    def notes(self) -> list[str]:
        """What the operator should know of a store that was made, a line each."""
        ...

    def remove(self, kinds: Sequence[str], *, test_only: bool = False) -> list[str]:
        """Take all documents of these kinds away, unless ``test_only``; the kinds of which there was anything."""
        ...

    def show(self) -> Any:
        """What there is, as JSON; None when there is nothing."""
        ...

    def update_settings(self) -> str:
        """Apply the settings that can be changed at any time; the line that says which."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
