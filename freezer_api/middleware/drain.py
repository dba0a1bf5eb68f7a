# SPDX-License-Identifier: Apache-2.0
"""Read bodies that the application left unread because it refused the request.

A server that closes a connection while a body is still arriving resets it. A proxy then loses the response, and
responds with 502.
"""

import time
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

MAX_DRAIN_SIZE = 16 * 1024 * 1024
"""Bytes."""

DRAIN_TIMEOUT = 2.0
"""Seconds."""

_BATCH_SIZE = 64 * 1024


def drain(body: Any) -> bool:
    """Read and discard the rest of a body. Return whether its end was reached within the limits."""
    deadline = time.monotonic() + DRAIN_TIMEOUT
    for _ in range(0, MAX_DRAIN_SIZE, _BATCH_SIZE):
        try:
            if not body.read(_BATCH_SIZE):
                return True
        except Exception:  # noqa: BLE001 - each server has its own errors for a broken body
            return False
        if time.monotonic() > deadline:
            return False
    return False


def drain_body(app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Read every body to its end before the response is sent."""
    body = environ["wsgi.input"]
    response = app(environ, start_response)
    if environ.get("CONTENT_LENGTH") or environ.get("wsgi.input_terminated"):
        drain(body)
    return response
