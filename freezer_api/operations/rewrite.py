# SPDX-License-Identifier: Apache-2.0
"""Read, change and replace a document, and retry on conflict."""

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
"""Maximum attempts of a change. In each round, one of several concurrent changes of a document succeeds."""

_MIN_PAUSE, _MAX_PAUSE = 0.0005, 0.05
"""Seconds between two attempts of a change."""

T = TypeVar("T")


def retry_on_conflict(attempt: Callable[[], T]) -> T:
    """Return the result of ``attempt``; retry with growing pauses while it raises ``Conflict``.

    Each attempt has to read its input again. The last one may raise ``Conflict``.
    """
    for count in range(1, MAX_ATTEMPTS):
        try:
            return attempt()
        except Conflict:
            pause = min(_MIN_PAUSE * 2 ** min(count, 10), _MAX_PAUSE)
            time.sleep(random.uniform(0, pause))  # noqa: S311 - only spreads the attempts in time
    return attempt()


def rewrite(
    repository: Repository,
    kind: Kind,
    read: Callable[[], Stored],
    change: Callable[[Document], Document],
    before: Callable[[Document, Document], None] | None = None,
) -> Stored:
    """Replace the document that ``read`` returns by the result of ``change``, atomically.

    ``change`` must have no side effects: it is repeated after a conflict. If it changes
    nothing, nothing is written. ``before`` is called with the old and the new document before each write.
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
