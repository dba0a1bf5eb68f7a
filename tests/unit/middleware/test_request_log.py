# SPDX-License-Identifier: Apache-2.0
"""The context of a request in log lines and in calls to the store."""

import json
import logging
import threading
from typing import Any

import pytest
from oslo_context import context

from freezer_api.middleware.request_log import WAITED, LogContext, log_requests
from freezer_api.repository.outages import Outages


def test_log_line_has_the_current_caller() -> None:
    seen: list[dict[str, Any]] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        current = context.get_current()
        assert isinstance(current, LogContext)
        seen.append(current.get_logging_values())
        environ |= {"HTTP_X_USER_ID": "alice", "HTTP_X_PROJECT_ID": "library", "HTTP_X_USER_DOMAIN_ID": "default"}
        seen.append(current.get_logging_values())
        start_response("200 OK", [])
        return []

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/v1/jobs", "HTTP_X_OPENSTACK_REQUEST_ID": "mine"}
    # Use a new thread, which has no context of another test.
    thread = threading.Thread(target=lambda: log_requests(app, environ, lambda *_: None))
    thread.start()
    thread.join()
    before, after = seen
    assert (before["request_id"], before["user"], before["project"]) == ("req-mine", None, None)
    assert (after["user"], after["project"], after["user_domain"]) == ("alice", "library", "default")


ENVIRON = {
    "REQUEST_METHOD": "GET",
    "PATH_INFO": "/v1/jobs",
    "QUERY_STRING": "search=tulip",
    "HTTP_X_USER_ID": "alice",
    "HTTP_X_OPENSTACK_REQUEST_ID": "mine",
}


def logged_between_requests() -> dict[str, Any]:
    current = context.get_current()
    assert isinstance(current, LogContext)
    return current.get_logging_values()


def test_context_is_removed_after_the_request() -> None:
    def app(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return []

    log_requests(app, dict(ENVIRON), lambda *_: None)
    assert set(logged_between_requests().values()) == {None}


@pytest.mark.parametrize("begun", [False, True])
def test_error_in_a_filter_is_500_and_logged_with_the_request_id(
    caplog: pytest.LogCaptureFixture, begun: bool
) -> None:
    seen: list[Any] = []

    class Handler(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            seen.append(logged_between_requests()["request_id"])

    def app(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if begun:
            start_response("200 OK", [])
        raise RuntimeError("a filter failed")

    answers: list[tuple[str, list[tuple[str, str]]]] = []
    handler = Handler()
    logging.getLogger("freezer_api.middleware.responses").addHandler(handler)
    try:
        body = log_requests(app, dict(ENVIRON), lambda status, headers, _info: answers.append((status, headers)))
    finally:
        logging.getLogger("freezer_api.middleware.responses").removeHandler(handler)
    status, headers = answers[-1]
    assert status == "500 Internal Server Error"
    assert ("x-openstack-request-id", "req-mine") in headers
    assert json.loads(b"".join(body)) == {
        "title": "Internal Server Error",
        "description": "An unexpected error occurred on the server.",
    }
    (record,) = caplog.records
    assert record.getMessage() == "Unexpected error at GET /v1/jobs"
    assert "a filter failed" in caplog.text
    assert "tulip" not in caplog.text
    assert seen == ["req-mine"]
    assert set(logged_between_requests().values()) == {None}


@pytest.mark.parametrize(("waited", "seconds"), [({}, 4.0), ({WAITED: 1.0}, 3.0)])
def test_wait_for_a_thread_reduces_the_deadline_of_the_store(waited: dict[str, float], seconds: float) -> None:
    allowed = []

    def app(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with Outages(lambda: 1000.0).call("jobs", 4.0) as call:
            allowed.append(call.end - 1000.0)
        start_response("200 OK", [])
        return []

    log_requests(app, {**ENVIRON, **waited}, lambda *_: None)
    assert allowed == [seconds]
