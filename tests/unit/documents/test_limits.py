# SPDX-License-Identifier: Apache-2.0
from freezer_api.documents.jobs import JOBS
from freezer_api.documents.limits import Limits


def test_imported_job_without_actions_is_within_the_limits() -> None:
    assert Limits().allows(JOBS, {"job_id": "j1", "client_id": "c1", "job_actions": None})
