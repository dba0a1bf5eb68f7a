# SPDX-License-Identifier: Apache-2.0
"""Error responses in the JSON format of the API, for code outside of the Falcon application."""

import logging
from collections.abc import Iterable
from wsgiref.types import StartResponse

from freezer_api.documents.json_codec import answer

LOG = logging.getLogger(__name__)

RETRY_AFTER = "5"
"""The value of the header ``Retry-After``, in seconds."""

UNEXPECTED = ("Internal Server Error", "An unexpected error occurred on the server.")
"""Title and description of a 500."""


def error_body(title: str, description: str) -> bytes:
    """Return the body of an error response."""
    return answer({"title": title, "description": description})


def refuse(
    start_response: StartResponse, status: str, title: str, description: str, *headers: tuple[str, str]
) -> Iterable[bytes]:
    """Respond with an error. Return the body for the WSGI server."""
    body = error_body(title, description)
    length = ("Content-Length", str(len(body)))
    start_response(status, [("Content-Type", "application/json"), length, *headers])
    return [body]


def log_unexpected(method: str, path: str, error: Exception) -> None:
    """Log an error that no code handles, with its traceback."""
    LOG.error("Unexpected error at %s %s", method, path, exc_info=error)
