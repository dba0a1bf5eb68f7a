# SPDX-License-Identifier: Apache-2.0
"""The list of versions, and the JSON home document of each version."""

import re
from collections.abc import Collection, Mapping
from typing import Any

import falcon

from freezer_api.documents.json_codec import answer

_V1_ALONE = {
    "id": "1",
    "status": "CURRENT",
    "updated": "2015-03-23T13:45:00",
    "links": [{"href": "/v1/", "rel": "self"}],
}


def list_versions(offered: Collection[str], req: falcon.Request, resp: falcon.Response) -> None:
    """Respond to ``GET /``, without an identity. ``offered`` are the paths of the versions.

    If only v1 is served, the response is that of releases that had no other version.
    """
    _require(req, falcon.MEDIA_JSON)
    newest_first = sorted(offered, reverse=True)
    versions = [_V1_ALONE] if newest_first == ["/v1"] else [_version_entry(req, mount) for mount in newest_first]
    _answer(resp, falcon.HTTP_300, falcon.MEDIA_JSON, {"versions": versions})


def _version_entry(req: falcon.Request, mount: str) -> dict[str, Any]:
    return {
        "id": mount[1:],
        "status": "CURRENT",
        "updated": "2018-02-21T13:30:00",
        "links": [{"href": f"{req.prefix}{mount}/", "rel": "self"}],
    }


def home_resource(template: str, *methods: str) -> dict[str, Any]:
    """Return the entry of a route in a JSON home document."""
    names = re.findall(r"\w+", " ".join(re.findall(r"{(.*?)}", template)))
    return {
        "href-template": template,
        "href-vars": {name: f"param/{name}" for name in names},
        "hints": {"allow": list(methods), "formats": {"application/json": {}}},
    }


def show_home(document: Mapping[str, Any], req: falcon.Request, resp: falcon.Response) -> None:
    """Respond with the JSON home document of a version, without a policy rule."""
    _require(req, falcon.MEDIA_JSON, "application/json-home")
    _answer(resp, falcon.HTTP_200, "application/json-home", document)


def _require(req: falcon.Request, *media_types: str) -> None:
    if not any(map(req.client_accepts, media_types)):
        raise falcon.HTTPNotAcceptable


def _answer(resp: falcon.Response, status: str, media_type: str, value: Mapping[str, Any]) -> None:
    resp.status = status
    resp.content_type = media_type
    resp.data = answer(value)
