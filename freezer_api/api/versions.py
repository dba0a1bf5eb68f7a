"""The list of versions, under the names that paste files use."""

from collections.abc import Callable, Iterable
from typing import Any

from freezer_api.middleware.request_log import Environ, StartResponse, WSGIApp

PARTS = "freezer_api.parts"
"""The key under which factories of this service find what they need, beside what the paste file says."""


def api_versions(global_conf: dict[str, Any], **_settings: str) -> WSGIApp:
    """``GET /``."""
    app: WSGIApp = global_conf[PARTS].versions()
    return app


class VersionNegotiator:
    """Answers ``/`` itself and passes on the rest."""

    def __init__(self, versions: WSGIApp, app: WSGIApp) -> None:
        self._versions = versions
        self._app = app

    @classmethod
    def factory(cls, global_conf: dict[str, Any], **settings: str) -> Callable[[WSGIApp], WSGIApp]:
        versions = api_versions(global_conf, **settings)
        return lambda app: cls(versions, app)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        app = self._versions if environ["PATH_INFO"] in ("", "/") else self._app
        return app(environ, start_response)
