# SPDX-License-Identifier: Apache-2.0
"""A page of large documents ends early, but not before ten documents, and is read in parts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freezer_api.documents.jobs import JOBS
from freezer_api.documents.json_codec import size
from freezer_api.operations.pages import BATCH_SIZE, MIN_DOCUMENTS, bounded_page
from freezer_api.repository.protocol import Page, Repository
from freezer_api.repository.query import Query
from freezer_api.repository.sql.sqlite import SQLiteRepository
from tests.support.embedded import make_file

KEYS = [f"job{number:03}" for number in range(3 * BATCH_SIZE)]


def job(key: str) -> Any:
    return {"job_id": key, "text": "x" * 100}


SIZE = size(job(KEYS[0]))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    path: Path = tmp_path_factory.mktemp("pages") / "freezer.sqlite"
    make_file(path)
    repository = SQLiteRepository(path)
    repository.create_all(JOBS, {key: job(key) for key in KEYS})
    yield repository
    repository.close()


def keys(page: Page) -> list[str]:
    return [stored.key for stored in page.items]


@pytest.mark.parametrize(
    ("limit", "documents", "expected"),
    [
        (100, 1, MIN_DOCUMENTS),
        (10, 1, 10),
        (5, 1, 5),
        (100, 20, 20),
        (100, BATCH_SIZE - 1, BATCH_SIZE - 1),
        (100, BATCH_SIZE, BATCH_SIZE),
        (100, BATCH_SIZE + 7, BATCH_SIZE + 7),
        (100, 1000, 100),
        (1000, 1000, len(KEYS)),
        (1000, 2 * BATCH_SIZE, 2 * BATCH_SIZE),
    ],
)
def test_page_ends_at_the_limit_of_bytes(
    repository: Repository, limit: int, documents: int, expected: int
) -> None:
    query = Query(limit=limit, with_total=True)
    page = bounded_page(repository, JOBS, query, documents * SIZE)
    assert keys(page) == KEYS[:expected]
    assert page.total == len(KEYS)
    assert (page.next is None) == (expected == len(KEYS))


@pytest.mark.parametrize("documents", [1, 20, BATCH_SIZE, BATCH_SIZE + 7, 1000])
@pytest.mark.parametrize("offset", [0, 3])
def test_pages_lead_to_every_document_once(repository: Repository, documents: int, offset: int) -> None:
    page = bounded_page(repository, JOBS, Query(limit=1000, offset=offset), documents * SIZE)
    found = keys(page)
    while page.next is not None:
        page = bounded_page(repository, JOBS, Query(limit=1000, after=page.next), documents * SIZE)
        found += keys(page)
    assert found == KEYS[offset:]
