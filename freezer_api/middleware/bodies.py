# SPDX-License-Identifier: Apache-2.0
"""Decode chunked bodies under uWSGI, which does not, and read bodies that the application left unread.

The application leaves a body unread if it refuses the request. A server that closes a connection while a body is
still arriving resets it. A proxy then loses the response, and responds with 502.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

try:
    from uwsgi import chunked_read
except ImportError:
    chunked_read = None

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


def with_chunked_bodies(app: WSGIApplication) -> WSGIApplication:
    """Return the application, wrapped in :func:`decode_chunks` if the server is uWSGI."""
    return app if chunked_read is None else partial(decode_chunks, app, chunked_read)


def decode_chunks(
    app: WSGIApplication, read_chunk: Callable[[], bytes], environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Make a chunked body readable by ``wsgi.input``."""
    if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        environ["wsgi.input"] = ChunkedBody(read_chunk)
        environ["wsgi.input_terminated"] = True
    return app(environ, start_response)


class ChunkedBody:
    """A readable body; ``read_chunk`` returns the next chunk, empty at the end."""

    def __init__(self, read_chunk: Callable[[], bytes]) -> None:
        self._read_chunk = read_chunk
        self._rest = bytearray()
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        """Return ``size`` bytes, less at the end of the body, or all if ``size`` is negative."""
        while not self._ended and (size < 0 or len(self._rest) < size):
            chunk = self._read_chunk()
            self._ended = not chunk
            self._rest += chunk
        taken = len(self._rest) if size < 0 else size
        data = bytes(self._rest[:taken])
        del self._rest[:taken]
        return data
