"""The read-change-replace loop of every change of a document."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from freezer_api.documents.fields import Document
from freezer_api.documents.kind import Kind
from freezer_api.documents.merge import same
from freezer_api.errors import Conflict
from freezer_api.repository.protocol import Repository, Stored

MAX_ATTEMPTS = 100
"""Of concurrent changes of one document, each round lets one succeed."""

_FIRST_PAUSE, _MAX_PAUSE = 0.0005, 0.05

T = TypeVar("T")


def retry_on_conflict(attempt: Callable[[], T]) -> T:
    """Return the result of ``attempt``; repeat it with growing pauses while it raises ``Conflict``.

    Each attempt has to read again what it depends on. The last one may raise ``Conflict``.
    """
    for made in range(1, MAX_ATTEMPTS):
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
    """Replace the document that ``read`` returns by the result of ``change``, atomically.

    ``change`` has no effects and is repeated after a conflict. If it changes nothing, nothing is written and the
    version stays. ``before`` is called with the old and the new document ahead of each write.
    """

    def attempt() -> Stored:
        stored = read()
        changed = change(stored.document)
        if same(changed, stored.document):
            return stored
        if before is not None:
            before(stored.document, changed)
        return repository.replace(kind, stored.key, changed, stored.token)

    return retry_on_conflict(attempt)
