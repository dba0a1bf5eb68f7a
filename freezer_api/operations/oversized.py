# SPDX-License-Identifier: Apache-2.0
"""Count documents above a limit: imported ones, and those that were stored before the limit was introduced."""

from collections.abc import Callable

from freezer_api.documents.limits import Limits
from freezer_api.documents.registry import KINDS
from freezer_api.operations.pages import BATCH_SIZE
from freezer_api.operations.scoped import iterate_all
from freezer_api.repository.protocol import Repository


def count_oversized(repository: Repository, limits: Limits, is_over: Callable[[], bool]) -> tuple[int, int]:
    """Return how many documents are above a limit, and how many were read until ``is_over`` returned true."""
    oversized = read = 0
    for kind in KINDS:
        for stored in iterate_all(repository, kind, limit=BATCH_SIZE):
            if is_over():
                return oversized, read
            read += 1
            oversized += not limits.allows(kind, stored.document)
    return oversized, read
