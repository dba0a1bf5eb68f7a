"""What uWSGI leaves to applications."""

from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

try:
    from uwsgi import chunked_read
except ImportError:
    chunked_read = None


def with_chunked_bodies(app: WSGIApplication) -> WSGIApplication:
    """The application, which reads bodies as uWSGI has them when that is the server."""
    return app if chunked_read is None else Bodies(app, chunked_read)


class Bodies:
    """Hands on bodies that come in chunks, which uWSGI gives to who asks for each chunk."""

    def __init__(self, app: WSGIApplication, read_chunk: Callable[[], bytes]) -> None:
        self._app = app
        self._read_chunk = read_chunk

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
            environ["wsgi.input"] = Chunks(self._read_chunk)
            environ["wsgi.input_terminated"] = True
        return self._app(environ, start_response)


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
