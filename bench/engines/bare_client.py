# SPDX-License-Identifier: Apache-2.0
"""Repeat the calls of a request to a search server with the vendor's Python client."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, unquote

from elastic_transport import HttpHeaders, Transport, TransportApiResponse
from elasticsearch import Elasticsearch

from bench.engines.place import Place
from freezer_api.repository.elastic.dialect import ELASTICSEARCH, MEDIA_TYPES, OPENSEARCH

_METHODS = {
    ("GET", "_doc"): "get",
    ("POST", "_search"): "search",
    ("PUT", "_create"): "create",
    ("PUT", "_doc"): "index",
    ("DELETE", "_doc"): "delete",
    ("POST", "_bulk"): "bulk",
}
_NAMES = {"from": "from_", "_source": "source"}
"""Parameters of a search that have other names in the client because they are reserved words in Python."""
REQUEST_TIMEOUT = 120.0
"""Timeout of a call in seconds; the refresh of a large index takes long."""
_VALUES = {"true": True, "false": False}
_CONDITIONS = ("if_seq_no", "if_primary_term")
"""Parameters that are omitted, because a write with them cannot be repeated."""


@dataclass(frozen=True)
class Call:
    """A method of the client and its arguments."""

    method: str
    arguments: dict[str, Any]

    def make(self, client: Elasticsearch) -> object:
        """Execute the call. A creation gets a new key, so that it creates another document each time."""
        arguments = self.arguments
        if self.method == "create":
            key = uuid.uuid4().hex
            arguments = {**arguments, "id": key, "document": {**arguments["document"], "key": key}}
        elif self.method == "bulk":
            arguments = {**arguments, "operations": [_renewed(line) for line in arguments["operations"]]}
        return getattr(client, self.method)(**arguments)


def _renewed(line: dict[str, Any]) -> dict[str, Any]:
    """Return the line of a bulk request with a new id if it creates a document."""
    return {"create": {**line["create"], "_id": uuid.uuid4().hex}} if "create" in line else line


def call(method: str, target: str, body: Any) -> Call:
    """Return the client's call for a REST call of the service; raise ``KeyError`` for an unknown one."""
    path, _, query = target.partition("?")
    index, what, *key = path.removeprefix("/").split("/") if path != "/_bulk" else ("", "_bulk")
    name = _METHODS[method, what]
    parameters: dict[str, Any] = {
        parameter: _VALUES.get(value, value)
        for parameter, value in parse_qsl(query)
        if parameter not in _CONDITIONS
    }
    if name == "search":
        parameters |= {_NAMES.get(parameter, parameter): value for parameter, value in (body or {}).items()}
    elif name == "bulk":
        return Call(name, {"operations": body, **parameters})
    elif body is not None:
        parameters["document"] = body
    if key:
        parameters["id"] = unquote(key[0])
    return Call(name, {"index": index, **parameters})


def client(place: Place, engine: str) -> Elasticsearch:
    """Return a client, which is closed at the end of its context."""
    transport = _Transport if engine == ELASTICSEARCH else _OpenSearchTransport
    return Elasticsearch(
        place.host, basic_auth=place.credentials, transport_class=transport, request_timeout=REQUEST_TIMEOUT
    )


@contextmanager
def opened(place: Place, engine: str) -> Iterator[Callable[[Call], object]]:
    """Return a context manager for a function that executes calls on one connection."""
    with client(place, engine) as made:
        yield lambda call: call.make(made)


class _Transport(Transport):
    """Send the media types that the service sends, because those of the client may be too new for the server."""

    _engine = ELASTICSEARCH

    def perform_request(self, method: str, target: str, **options: Any) -> TransportApiResponse:
        given = options.pop("headers")
        media_type = MEDIA_TYPES[self._engine]
        has_lines = "ndjson" in given.get("content-type", "")
        spoken = media_type.replace("json", "x-ndjson") if has_lines else media_type
        headers = HttpHeaders({**given, "accept": media_type, "content-type": spoken})
        return super().perform_request(method, target, headers=headers, **options)


class _OpenSearchTransport(_Transport):
    """Disable the product check of the client, so that it is not measured."""

    _engine = OPENSEARCH

    def perform_request(self, method: str, target: str, **options: Any) -> TransportApiResponse:
        meta, body = super().perform_request(method, target, **options)
        headers = HttpHeaders({**meta.headers, "x-elastic-product": "Elasticsearch"})
        return TransportApiResponse(replace(meta, headers=headers), body)
