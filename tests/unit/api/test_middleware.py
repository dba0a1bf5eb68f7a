"""What log lines say of the request that a thread serves."""

import threading
from typing import Any

from oslo_context import context

from freezer_api.api.middleware import Entrance, LogContext


def test_the_context_knows_the_caller_when_a_line_is_written() -> None:
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
    # In a thread of its own, as it stays there until the next request.
    thread = threading.Thread(target=lambda: Entrance(app)(environ, lambda *_: None))
    thread.start()
    thread.join()
    before, after = seen
    assert (before["request_id"], before["user"], before["project"]) == ("req-mine", None, None)
    assert (after["user"], after["project"], after["user_domain"]) == ("alice", "library", "default")
