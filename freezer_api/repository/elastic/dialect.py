# SPDX-License-Identifier: Apache-2.0
"""The supported servers, detected from the response to ``GET /``, and how requests to them differ."""

import re
from typing import Any

from freezer_api.errors import Unavailable

SUPPORTED = "Elasticsearch 8.19 to 9.x and OpenSearch 2.19 to 3.x"

ELASTICSEARCH, OPENSEARCH = "elasticsearch", "opensearch"
ENGINES = ("auto", ELASTICSEARCH, OPENSEARCH)

MEDIA_TYPES = {
    # Elasticsearch 9 accepts the media type of version 8 as well.
    ELASTICSEARCH: "application/vnd.elasticsearch+json; compatible-with=8",
    OPENSEARCH: "application/json",
}
_RELEASES = {ELASTICSEARCH: ((8, 19), (10, 0)), OPENSEARCH: ((2, 19), (4, 0))}

_RELEASE = re.compile(r"([0-9]+)\.([0-9]+)(?![^.])")

_OVERRIDDEN = "7.10.2"
"""The version that OpenSearch 2 reports if ``compatibility.override_main_response_version`` is set."""


class UnsupportedServer(Unavailable):
    """The server is not supported. ``reason`` is one line for the operator."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


def engine_of(info: Any, engine: str) -> str:
    """Return the engine of the server that sent this response, which must be the configured one unless it is auto.

    Raises :class:`UnsupportedServer` if it is not a supported release of that engine.
    """
    version = info.get("version") if isinstance(info, dict) else None
    number = version.get("number") if isinstance(version, dict) else None
    parts = _RELEASE.match(number) if isinstance(number, str) else None
    if not isinstance(version, dict) or parts is None:
        raise UnsupportedServer(f"the server at the store's address is unknown; supported are {SUPPORTED}")
    is_opensearch = version.get("distribution") == OPENSEARCH or "OpenSearch" in str(info.get("tagline"))
    detected = OPENSEARCH if is_opensearch else ELASTICSEARCH
    name = detected if engine == "auto" else engine
    first, last = _RELEASES[name]
    if first <= (int(parts[1]), int(parts[2])) < last or (name == OPENSEARCH and number == _OVERRIDDEN):
        return name
    if name != detected:
        raise UnsupportedServer(f"the store is {detected} {number}, but the configuration sets engine = {engine}")
    raise UnsupportedServer(f"the store is {name} {number}; supported are {SUPPORTED}")
