# SPDX-License-Identifier: Apache-2.0
"""Generate an OpenAPI 3.1 document from the routes and definitions."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import freezer_api
from freezer_api.documents.fields import ID, Schema
from freezer_reference.operations import GENERAL_ERRORS, Operation, operations

_JSON = "application/json"
_ERROR: Schema = {
    "type": "object",
    "required": ["title", "description"],
    "properties": {"title": {"type": "string"}, "description": {"type": "string"}},
}
_OUR_END = r"$(?!\n)"
"""The end of patterns in the definitions. Other dialects of regular expressions write it as ``$``."""


def document() -> dict[str, Any]:
    """Return the OpenAPI document of all versions."""
    paths: dict[str, dict[str, Any]] = {}
    for one in operations():
        paths.setdefault(one.path, {})[one.route.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Freezer API",
            "version": freezer_api.__version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}, {}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}},
            "schemas": {"Error": _ERROR},
        },
    }


def _operation(one: Operation) -> dict[str, Any]:
    names = re.findall(r"\{(\w+)\}", one.path)
    made: dict[str, Any] = {
        "operationId": f"{one.version}:{one.route.resource}:{one.route.handler}",
        "summary": str(one.rule.description),
        "tags": [one.route.resource],
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": _portable(ID)} for name in names),
            *(
                {"name": one.name, "in": "query", "schema": one.schema, "description": one.meaning}
                for one in one.parameters
            ),
        ],
        "responses": _responses(one),
    }
    if one.body is not None and one.route.handler != "search":
        made["requestBody"] = {"required": one.status != HTTPStatus.OK, "content": _content(one.body)}
    return made


def _responses(one: Operation) -> dict[str, Any]:
    good: dict[str, Any] = {"description": HTTPStatus(one.status).phrase}
    if one.answer is not None:
        good["content"] = _content(one.answer)
    errors = {
        str(status): {"description": text, "content": _content({"$ref": "#/components/schemas/Error"})}
        for status, text in sorted({**GENERAL_ERRORS, **one.errors}.items())
    }
    return {str(one.status): good, **errors}


def _content(schema: Schema) -> dict[str, Any]:
    return {_JSON: {"schema": _portable(schema)}}


def _portable(schema: Any) -> Any:
    """Return the schema without the name of its draft, and with portable patterns."""
    if isinstance(schema, Mapping):
        return {key: _portable(value) for key, value in schema.items() if key != "$schema"}
    if isinstance(schema, list):
        return [_portable(value) for value in schema]
    return schema.replace(_OUR_END, "$") if isinstance(schema, str) else schema
