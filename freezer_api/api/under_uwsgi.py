"""What uWSGI leaves to applications."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from freezer_api.api.middleware import Environ, StartResponse, WSGIApp

try:
    from uwsgi import chunked_read
except ImportError:
    chunked_read = None

MOST_READ_AWAY = 64 * 1024 * 1024
"""Bytes; whoever sends more is not answered by a proxy, but cut off."""
_PIECE = 64 * 1024


def with_bodies(app: WSGIApp) -> WSGIApp:
    """The application, which reads bodies as uWSGI has them when that is the server."""
    return app if chunked_read is None else Bodies(app, chunked_read)


class Bodies:
    """Hands on bodies that come in chunks, which uWSGI gives to who asks for each chunk. Reads every body to its
    end, as a proxy before uWSGI passes an answer on only when all of the body was taken.
    """

    def __init__(self, app: WSGIApp, read_chunk: Callable[[], bytes]) -> None:
        self._app = app
        self._read_chunk = read_chunk

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        in_chunks = environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked"
        if in_chunks:
            environ["wsgi.input"] = Chunks(self._read_chunk)
            environ["wsgi.input_terminated"] = True
        body = environ["wsgi.input"]
        answer = self._app(environ, start_response)
        if in_chunks or environ.get("CONTENT_LENGTH"):
            _read_away(body)
        return answer


def _read_away(body: Any) -> None:
    # A client that is gone is not answered anyway.
    with suppress(OSError):
        for _ in range(0, MOST_READ_AWAY, _PIECE):
            if not body.read(_PIECE):
                return


class Chunks:
    """A body to be read; ``read_chunk`` gives an empty one at its end."""

    def __init__(self, read_chunk: Callable[[], bytes]) -> None:
        self._read_chunk = read_chunk
        self._rest = bytearray()
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        """As many bytes, less only at the end of the body; all without a size."""
        while not self._ended and (size < 0 or len(self._rest) < size):
            chunk = self._read_chunk()
            self._ended = not chunk
            self._rest += chunk
        taken = len(self._rest) if size < 0 else size
        data = bytes(self._rest[:taken])
        del self._rest[:taken]
        return data
