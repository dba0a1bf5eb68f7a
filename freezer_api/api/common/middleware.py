"""The filters that paste files name."""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from freezer_api.middleware.identity import Confirmed


class ContextMiddleware(Confirmed):
    """401 for everybody whose identity is not confirmed. Its place is behind ``authtoken``."""

    @classmethod
    def factory(cls, _global_conf: Any, **_settings: str) -> Callable[[WSGIApplication], WSGIApplication]:
        return cls


class HealthApp:
    """200 with nothing in it at ``/v1/health``, where clusters of the first era look."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    @classmethod
    def factory(cls, _global_conf: Any, **_settings: str) -> Callable[[WSGIApplication], WSGIApplication]:
        return cls

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/v1/health":
            return self._app(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return []
