# SPDX-License-Identifier: Apache-2.0
"""Describe the JSON Schemas of the definitions in words."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from freezer_api.documents import fields
from freezer_api.documents.fields import Schema

_WORDS: tuple[tuple[Schema, str], ...] = (
    (fields.STRING, "text"),
    (fields.TEXT_OR_NULL, "text or null"),
    (fields.FILLED, "text, not empty"),
    ({**fields.FILLED, "type": ["string", "null"]}, "text, not empty, or null"),
    (fields.INTEGER, "integer of 64 bits"),
    ({**fields.INTEGER, "minimum": 0}, "integer from 0"),
    (fields.EPOCH_OR_EMPTY, 'integer or ``""``'),
    (fields.BOOLEAN, "boolean"),
    ({"type": ["boolean", "null"]}, "boolean or null"),
    ({"type": "object"}, "object"),
    ({"type": ["object", "null"]}, "object or null"),
    ({"type": ["integer", "string"]}, "integer, or its digits as text"),
    (fields.ANY, "anything"),
    (fields.ID, "id: 1 to 255 of ``A-Z a-z 0-9 _ -``"),
    (fields.ID_OR_NULL, "word of ``A-Z a-z 0-9 _ -``, or null"),
    (fields.ID_OR_EMPTY, 'id, ``""`` or null'),
    (fields.CLIENT_ID, "client id: labels with dots between them, at most 255 characters"),
    (fields.HOSTNAME, "host name or null"),
    (fields.DATE, "date as ``2030-01-01T02:00:00``; fractions and an offset may follow"),
    (
        fields.INTERVAL,
        "``continuous``, or a number of ``weeks``, ``days``, ``hours``, ``minutes`` or ``seconds``",
    ),
    (fields.YEAR, "four digits"),
)


class Rule(NamedTuple):
    """The valid values of a property, in words, and whether it is required."""

    words: str
    required: bool


def words(schema: Schema) -> str:
    """Return the schema of a value in words. Raise ``LookupError`` for an unknown schema."""
    if "enum" in schema:
        return f"one of {', '.join(_shown(value) for value in schema['enum'])}"
    if schema.get("type") == "array" and "properties" not in schema["items"]:
        return f"list; each {words(schema['items'])}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return "object; each of its values has"
    if "properties" in schema:
        return "object, no other keys" if schema.get("additionalProperties") is False else "object"
    if schema.get("type") == "array":
        return "list of objects"
    for one, known in _WORDS:
        if _same(one, schema):
            return known
    if "maxLength" in schema:
        rest = {name: value for name, value in schema.items() if name != "maxLength"}
        return f"{words(rest)}, at most {schema['maxLength']:,} characters"
    raise LookupError(f"no description of {schema}")


def _same(one: Schema, other: Schema) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _shown(value: Any) -> str:
    return f"``{value}``" if value and isinstance(value, str) else f"``{json.dumps(value)}``"


def rules(schema: Schema) -> dict[str, Rule]:
    """Return the rule of each property of an object by its dotted path, parents first.

    ``[]`` stands for an item of a list, ``{}`` for a value under any key.
    """
    return dict(_walk(schema, ""))


def _walk(schema: Schema, prefix: str) -> Iterator[tuple[str, Rule]]:
    required = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        path = prefix + name
        yield path, Rule(words(inner), name in required)
        yield from _below(inner, path)


def _below(schema: Schema, path: str) -> Iterator[tuple[str, Rule]]:
    values = schema.get("additionalProperties")
    if schema.get("type") == "array":
        yield from _walk(schema["items"], f"{path}[].")
    elif isinstance(values, Mapping):
        yield from _walk(values, f"{path}{{}}.")
    else:
        yield from _walk(schema, f"{path}.")
