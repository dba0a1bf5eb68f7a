"""Which versions there are, and where their parts lie."""

from collections.abc import Collection
from typing import Any

import falcon

from freezer_api.documents.text import answer

_V1_ALONE = {
    "versions": [
        {
            "id": "1",
            "status": "CURRENT",
            "updated": "2015-03-23T13:45:00",
            "links": [{"href": "/v1/", "rel": "self"}],
        }
    ]
}

_NONE: dict[str, Any] = {"versions": []}

_V1_HOME = {
    "resources": {
        "rel/backups": {
            "href-template": "/v1/backups/{backup_id}",
            "href-vars": {"backup_id": "param/backup_id"},
            "hints": {"allow": ["GET"], "formats": {"application/json": {}}},
        }
    }
}


class Versions:
    """``GET /``: open to everybody. ``offered`` are the paths of the versions, complete at the first request."""

    def __init__(self, offered: Collection[str]) -> None:
        self._offered = offered

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        _require(req, falcon.MEDIA_JSON)
        _answer(resp, falcon.HTTP_300, falcon.MEDIA_JSON, _V1_ALONE if self._offered else _NONE)


class V1Home:
    """``GET /v1``: the JSON home document; no rule guards it."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        _require(req, falcon.MEDIA_JSON, "application/json-home")
        _answer(resp, falcon.HTTP_200, "application/json-home", _V1_HOME)


HOMES = {"/v1": V1Home()}
"""By the paths of the versions."""


def _require(req: falcon.Request, *media_types: str) -> None:
    if not any(map(req.client_accepts, media_types)):
        raise falcon.HTTPNotAcceptable


def _answer(resp: falcon.Response, status: str, media_type: str, value: dict[str, Any]) -> None:
    resp.status = status
    resp.content_type = media_type
    resp.data = answer(value)
