"""The one read-change-replace loop: whoever changes a document goes through here."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind
from freezer_api.documents.merge import same
from freezer_api.errors import Conflict
from freezer_api.repository.protocol import Repository, Stored

ATTEMPTS = 100
"""Of many who change one document at once, each round lets one through."""

_FIRST_PAUSE, _MAX_PAUSE = 0.0005, 0.05

T = TypeVar("T")


def until_settled(attempt: Callable[[], T]) -> T:
    """The result of ``attempt``, made again while it raises ``Conflict``, ever less hastily; at last it may.

    An attempt reads anew whatever it decides by.
    """
    for made in range(1, ATTEMPTS):
        try:
            return attempt()
        except Conflict:
            longest = min(_FIRST_PAUSE * 2 ** min(made, 10), _MAX_PAUSE)
            time.sleep(random.uniform(0, longest))  # noqa: S311 - it spreads the losers out and guards nothing
    return attempt()


def rewrite(
    repository: Repository,
    kind: Kind,
    read: Callable[[], Stored],
    change: Callable[[Document], Document],
    before: Callable[[Document, Document], None] | None = None,
) -> Stored:
    """Put what ``change`` makes of the document that ``read`` finds in its place, atomically.

    ``change`` writes nothing and is asked again whenever somebody else's change came first. When it changes
    nothing, nothing is written and the version stays. ``before`` is told the old and the new document ahead of
    each write.
    """

    def attempt() -> Stored:
        stored = read()
        changed = change(stored.document)
        if same(changed, stored.document):
            return stored
        if before is not None:
            before(stored.document, changed)
        return repository.replace(kind, stored.key, changed, stored.token)

    return until_settled(attempt)
