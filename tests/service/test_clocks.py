"""Services on one store whose clocks differ: lists are in the order in which documents were created."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.left_out import leave_out
from tests.support.service import Service

pytestmark = pytest.mark.slow

LIBRARIES = "usr/lib/*/faketime/libfaketimeMT.so.1"
"""Where Debian's package puts it."""


def test_new_jobs_are_behind_old_ones_though_a_clock_is_an_hour_behind(
    store: Path | None, start_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    library = next(Path("/").glob(LIBRARIES), None)
    if library is None:
        leave_out("libfaketime: install the package faketime")
    with monkeypatch.context() as patch:
        patch.setenv("LD_PRELOAD", str(library))
        patch.setenv("FAKETIME", "+1h")
        # The service watches its workers by times of files.
        patch.setenv("NO_FAKE_STAT", "1")
        ahead = start_service(config=store)
    behind = start_service(config=store)

    names = [f"job{9 - number}" for number in range(6)]
    for number, name in enumerate(names):
        service = (ahead, behind)[number % 2]
        assert service.request("POST", f"/v1/jobs/{name}", {"client_id": "c1", "job_actions": []})[0] == 201
    times = []
    for service in (ahead, behind):
        status, body = service.request("GET", "/v1/jobs?limit=10")
        assert status == 200
        assert [job["job_id"] for job in body["jobs"]] == names
        times = [job["job_schedule"]["time_created"] for job in body["jobs"]]
    # The clocks do differ.
    assert times[0] - times[1] > 3000
