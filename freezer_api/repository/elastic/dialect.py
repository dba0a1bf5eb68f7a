# SPDX-License-Identifier: Apache-2.0
"""The differences between supported servers, detected from the response to ``GET /``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SUPPORTED = "Elasticsearch 8.19 to 9.x and OpenSearch 2.19 to 3.x"

ENGINES = ("auto", "elasticsearch", "opensearch")


@dataclass(frozen=True, slots=True)
class Dialect:
    """The headers for a type of server: ``headers`` with JSON or no body, ``bulk_headers`` with lines."""

    name: str
    headers: Mapping[str, str]
    bulk_headers: Mapping[str, str]


def _dialect(name: str, media_type: str) -> Dialect:
    lines = media_type.replace("json", "x-ndjson")
    headers = {"accept": media_type, "content-type": media_type}
    return Dialect(name, headers, {**headers, "content-type": lines})


# Elasticsearch 9 accepts the media type of version 8 as well.
ELASTICSEARCH = _dialect("elasticsearch", "application/vnd.elasticsearch+json; compatible-with=8")
OPENSEARCH = _dialect("opensearch", "application/json")

_RELEASES = {ELASTICSEARCH.name: ((8, 19), (10, 0)), OPENSEARCH.name: ((2, 19), (4, 0))}

_OVERRIDDEN = "7.10.2"
"""The version that OpenSearch 2 reports if ``compatibility.override_main_response_version`` is set."""


class NotSupported(Exception):
    """The server is not supported. ``str(error)`` is one line for the operator."""


def named(engine: str) -> Dialect:
    """Return the dialect of a configured engine."""
    return OPENSEARCH if engine == OPENSEARCH.name else ELASTICSEARCH


def dialect_of(info: Any, engine: str = "auto") -> Dialect:
    """Return the dialect of the server that sent this response, or of the configured ``engine``.

    Raises :class:`NotSupported` if it is not a supported release of that engine.
    """
    version = info.get("version") if isinstance(info, dict) else None
    number = version.get("number") if isinstance(version, dict) else None
    release = _release(number)
    if not isinstance(version, dict) or release is None:
        raise NotSupported(f"the server at the store's address is unknown; supported are {SUPPORTED}")
    is_opensearch = version.get("distribution") == OPENSEARCH.name or "OpenSearch" in str(info.get("tagline"))
    detected = (OPENSEARCH if is_opensearch else ELASTICSEARCH).name
    name = detected if engine == "auto" else engine
    first, last = _RELEASES[name]
    if first <= release < last or (name == OPENSEARCH.name and number == _OVERRIDDEN):
        return named(name)
    if name != detected:
        raise NotSupported(f"the store is {detected} {number}, but the configuration sets engine = {engine}")
    raise NotSupported(f"the store is {name} {number}; supported are {SUPPORTED}")


def _release(number: Any) -> tuple[int, int] | None:
    parts = number.split(".") if isinstance(number, str) else []
    if len(parts) < 2 or not all(part.isascii() and part.isdigit() for part in parts[:2]):
        return None
    return int(parts[0]), int(parts[1])
