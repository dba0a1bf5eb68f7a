# SPDX-License-Identifier: Apache-2.0
"""Read chunked bodies under uWSGI, which does not decode them."""

from collections.abc import Callable, Iterable
from functools import partial
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

try:
    from uwsgi import chunked_read
except ImportError:
    chunked_read = None


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
