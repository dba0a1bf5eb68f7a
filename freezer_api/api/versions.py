"""The list of versions, under the names that paste files use."""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PARTS = "freezer_api.parts"
"""The key under which factories of this service find what they need, beside what the paste file says."""


def api_versions(global_conf: dict[str, Any], **_settings: str) -> WSGIApplication:
    """``GET /``."""
    app: WSGIApplication = global_conf[PARTS].versions()
    return app


class VersionNegotiator:
    """Answers ``/`` itself and passes on the rest."""

    def __init__(self, versions: WSGIApplication, app: WSGIApplication) -> None:
        self._versions = versions
        self._app = app

    @classmethod
    def factory(cls, global_conf: dict[str, Any], **settings: str) -> Callable[[WSGIApplication], WSGIApplication]:
        versions = api_versions(global_conf, **settings)
        return lambda app: cls(versions, app)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app = self._versions if environ["PATH_INFO"] in ("", "/") else self._app
        return app(environ, start_response)
