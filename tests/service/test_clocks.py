# SPDX-License-Identifier: Apache-2.0
"""Lists are in the order of creation even if the clocks of two services on one store differ."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.left_out import leave_out
from tests.support.service import Service

pytestmark = pytest.mark.slow

LIBRARIES = "usr/lib/*/faketime/libfaketimeMT.so.1"
"""The path of libfaketime in Debian's package."""


def test_clock_an_hour_behind_does_not_change_the_order_of_lists(
    store: Path | None, start_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    library = next(Path("/").glob(LIBRARIES), None)
    if library is None:
        leave_out("libfaketime: install the package faketime")
    with monkeypatch.context() as patch:
        patch.setenv("LD_PRELOAD", str(library))
        patch.setenv("FAKETIME", "+1h")
        # Leave the times of files unchanged, because the arbiter detects hanging workers by them.
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
    assert times[0] - times[1] > 3000
