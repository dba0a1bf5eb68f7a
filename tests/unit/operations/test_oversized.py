# SPDX-License-Identifier: Apache-2.0
"""Documents above a limit are counted in all kinds, until the time is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from freezer_api.documents.clients import CLIENTS
from freezer_api.documents.jobs import JOBS
from freezer_api.documents.limits import Limits
from freezer_api.documents.sessions import SESSIONS
from freezer_api.operations.oversized import count_oversized
from freezer_api.operations.pages import BATCH_SIZE
from freezer_api.repository.protocol import Repository
from freezer_api.repository.sql.sqlite import SQLiteRepository
from tests.support.embedded import make_file

LIMITS = Limits(max_document_size=200, max_job_actions=1, max_session_jobs=1)
CLIENT_COUNT = BATCH_SIZE + 3
READ_COUNT = CLIENT_COUNT + 4


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Repository]:
    repository = SQLiteRepository(make_file(tmp_path / "freezer.sqlite"))
    clients = {f"client{n:02}": {"client": {"client_id": f"client{n:02}"}} for n in range(CLIENT_COUNT)}
    clients["client52"]["client"]["description"] = "x" * 200
    repository.create_all(CLIENTS, clients)
    repository.create_all(
        JOBS,
        {
            "small": {"job_id": "small", "job_actions": [{}]},
            "large": {"job_id": "large", "description": "x" * 200},
            "many": {"job_id": "many", "job_actions": [{}, {}]},
        },
    )
    repository.create(SESSIONS, "many", {"session_id": "many", "jobs": {"small": {}, "large": {}}})
    yield repository
    repository.close()


def test_documents_above_each_limit_are_counted(repository: Repository) -> None:
    assert count_oversized(repository, LIMITS, lambda: False) == (4, READ_COUNT)
    assert count_oversized(repository, Limits(), lambda: False) == (0, READ_COUNT)


def test_count_ends_when_the_time_is_over(repository: Repository) -> None:
    over = iter([False] * CLIENT_COUNT + [True])
    assert count_oversized(repository, LIMITS, lambda: next(over)) == (1, CLIENT_COUNT)
