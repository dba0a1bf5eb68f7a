# SPDX-License-Identifier: Apache-2.0
"""Limit the size of the pages of a list."""

from dataclasses import replace

from freezer_api.documents.json_codec import size
from freezer_api.documents.kind import Kind
from freezer_api.repository.protocol import Page, Repository, Stored
from freezer_api.repository.query import Query

MIN_DOCUMENTS = 10
"""A page with fewer documents is the last one for schedulers."""

BATCH_SIZE = 50
"""Documents that are read at once, before their size is known."""


def bounded_page(repository: Repository, kind: Kind, query: Query, max_bytes: int) -> Page:
    """Return the page of the query, which ends early if its documents would exceed ``max_bytes``.

    The page is read in parts, so that few documents beyond it are in memory.
    """
    part = repository.search(kind, replace(query, limit=min(query.limit, BATCH_SIZE)))
    items: list[Stored] = []
    bytes_, total, limit = 0, part.total, query.limit
    while True:
        for kept, stored in enumerate(part.items):
            bytes_ += size(stored.document)
            if bytes_ > max_bytes and len(items) + kept >= MIN_DOCUMENTS:
                return _cut(repository, kind, query, items, kept, total)
        items += part.items
        left = limit - len(items)
        if part.next is None or not left:
            return Page(items, part.end or query.after, part.has_more, total)
        fitting = int((max_bytes - bytes_) / (bytes_ / len(items))) + 1
        query = replace(query, limit=left, offset=0, after=part.next, with_total=False)
        part = repository.search(kind, replace(query, limit=min(left, max(BATCH_SIZE, fitting))))


def _cut(
    repository: Repository, kind: Kind, query: Query, items: list[Stored], kept: int, total: int | None
) -> Page:
    """Return the page with ``kept`` documents of the last part, and read the position after them."""
    if not kept:
        return Page(items, query.after, True, total)
    again = repository.search(kind, replace(query, limit=kept, with_total=False))
    return Page([*items, *again.items], again.end, again.has_more, total)
