# SPDX-License-Identifier: Apache-2.0
"""Limits of requests. Each has the name of its option in the group ``[api]``."""

from dataclasses import dataclass

from freezer_api.documents.fields import Document
from freezer_api.documents.json_codec import size
from freezer_api.documents.kind import Kind
from freezer_api.errors import TooLarge, TooMany

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """The values of the options. Sizes are in bytes.

    ``max_document_size`` bounds a document as it is stored, without what the service itself adds.
    ``max_searchable_values`` bounds the values of one document that searches find. ``max_page_bytes`` bounds the
    documents of one page, ``max_limit`` their number. ``max_concurrent_lists`` bounds the lists of one project in
    a worker: 0 is no limit, None half of the worker's threads. ``max_search_time`` is in seconds, 0 for no limit.
    """

    max_body_size: int = MIB
    max_limit: int = 1000
    max_document_size: int = MIB
    max_job_actions: int = 1000
    max_session_jobs: int = 10_000
    max_searchable_values: int = 10_000
    max_page_bytes: int = 8 * MIB
    max_concurrent_lists: int | None = None
    max_search_time: float = 5.0

    def check(self, kind: Kind, new: Document, old: Document | None = None) -> None:
        """Raise ``TooLarge`` or ``TooMany`` if the document is above a limit.

        If it replaces an ``old`` document above the limit, it may be as large as the old one.
        """
        self.check_count(kind, new, old)
        # Most documents are within the limit even with everything that the service adds.
        if size(new) > self.max_document_size:
            self.check_size(kind.size(new), self.room(kind, old))

    def check_size(self, bytes_: int, room: int) -> None:
        """Raise ``TooLarge`` if ``bytes_`` is more than ``room``, the result of :meth:`room`."""
        if bytes_ > room:
            limit = self.max_document_size
            raise TooLarge(f"The document would have {bytes_} bytes; [api] max_document_size allows {limit}")

    def room(self, kind: Kind, old: Document | None) -> int:
        """Return the maximum size in bytes of a document that replaces ``old``."""
        return self.max_document_size if old is None else max(self.max_document_size, kind.size(old))

    def check_count(self, kind: Kind, new: Document, old: Document | None = None) -> None:
        """Raise ``TooMany`` if a job has too many actions or a session too many jobs."""
        if kind.counted is None:
            return
        name, part, option = kind.counted
        count, limit = _count(new, name), int(getattr(self, option))
        if count > limit and count > _count(old or {}, name):
            raise TooMany(f"{kind.title} with {count} {part}; [api] {option} allows {limit}")

    def allows(self, kind: Kind, document: Document) -> bool:
        try:
            self.check(kind, document)
        except (TooLarge, TooMany):
            return False
        return True


def _count(document: Document, name: str) -> int:
    parts = document.get(name)
    return len(parts) if isinstance(parts, dict | list) else 0


DEFAULTS = Limits()
