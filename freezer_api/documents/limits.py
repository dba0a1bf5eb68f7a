"""Limits of what a request may ask for and may add to the store.

Each limit has the name of its option in the group ``[api]``.
"""

from dataclasses import dataclass

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


DEFAULTS = Limits()
