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
from freezer_api.repository.elastic.dialect import ELASTICSEARCH, OPENSEARCH

_METHODS = {
    ("GET", "_doc"): "get",
    ("POST", "_search"): "search",
    ("PUT", "_create"): "create",
    ("PUT", "_doc"): "index",
    ("DELETE", "_doc"): "delete",
}
_NAMES = {"from": "from_", "_source": "source"}
"""Parameters of a search that have other names in the client because they are reserved words in Python."""
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
        return getattr(client, self.method)(**arguments)


def call(method: str, target: str, body: dict[str, Any] | None) -> Call:
    """Return the client's call for a REST call of the service; raise ``KeyError`` for an unknown one."""
    path, _, query = target.partition("?")
    index, what, *key = path.removeprefix("/").split("/")
    name = _METHODS[method, what]
    parameters: dict[str, Any] = {
        parameter: _VALUES.get(value, value)
        for parameter, value in parse_qsl(query)
        if parameter not in _CONDITIONS
    }
    if name == "search":
        parameters |= {_NAMES.get(parameter, parameter): value for parameter, value in (body or {}).items()}
    elif body is not None:
        parameters["document"] = body
    if key:
        parameters["id"] = unquote(key[0])
    return Call(name, {"index": index, **parameters})


@contextmanager
def opened(place: Place, engine: str) -> Iterator[Callable[[Call], object]]:
    """Return a context manager for a function that executes calls on one connection."""
    transport = _Transport if engine == ELASTICSEARCH.name else _OpenSearchTransport
    with Elasticsearch(place.host, basic_auth=place.credentials, transport_class=transport) as client:
        yield lambda call: call.make(client)


class _Transport(Transport):
    """Send the media types that the service sends, because those of the client may be too new for the server."""

    _spoken = HttpHeaders(ELASTICSEARCH.headers)

    def perform_request(self, method: str, target: str, **options: Any) -> TransportApiResponse:
        headers = {**options.pop("headers"), **self._spoken}
        return super().perform_request(method, target, headers=headers, **options)


class _OpenSearchTransport(_Transport):
    """Disable the product check of the client, so that it is not measured."""

    _spoken = HttpHeaders(OPENSEARCH.headers)

    def perform_request(self, method: str, target: str, **options: Any) -> TransportApiResponse:
        meta, body = super().perform_request(method, target, **options)
        headers = HttpHeaders({**meta.headers, "x-elastic-product": "Elasticsearch"})
        return TransportApiResponse(replace(meta, headers=headers), body)
