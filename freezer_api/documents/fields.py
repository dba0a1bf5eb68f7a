# SPDX-License-Identifier: Apache-2.0
"""The fields that define a kind, and the JSON Schemas derived from them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from enum import Enum
from typing import Any

Document = dict[str, Any]
Schema = Mapping[str, Any]

LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1

# Python's ``$`` also matches before a trailing newline; elsewhere the look-ahead is always true.
_END = r"$(?!\n)"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"

STRING: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
FILLED: Schema = {"type": "string", "minLength": 1}
INTEGER: Schema = {"type": "integer", "minimum": LONG_MIN, "maximum": LONG_MAX}
BOOLEAN: Schema = {"type": "boolean"}
ANY: Schema = {}
ID: Schema = {
    "type": "string",
    "pattern": rf"^[A-Za-z0-9_-]+{_END}",
    "maxLength": 255,
    "examples": ["daily-backup_1"],
}
ID_OR_NULL: Schema = {**ID, "type": ["string", "null"]}
ID_OR_EMPTY: Schema = {**ID_OR_NULL, "pattern": rf"^[A-Za-z0-9_-]*{_END}"}
CLIENT_ID: Schema = {
    "type": "string",
    "pattern": rf"^(?:[A-Za-z0-9_-]+_)?{_LABEL}(?:\.{_LABEL})*{_END}",
    "maxLength": 255,
    "examples": ["node1.example.org"],
}
HOSTNAME: Schema = {
    "type": ["string", "null"],
    "pattern": rf"^{_HOST_LABEL}(?:\.{_HOST_LABEL})*{_END}",
    "examples": ["node1.example.org"],
}
DATE: Schema = {
    "type": "string",
    "pattern": (
        r"^-?[0-9]{4,}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
        rf"(?:\.[0-9]+)?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?{_END}"
    ),
    "examples": ["2030-01-01T02:00:00", "2030-01-01T02:00:00+01:00"],
}
INTERVAL: Schema = {
    "type": "string",
    "pattern": rf"^(?:continuous|[0-9]+ +(?:weeks|days|hours|minutes|seconds)){_END}",
    "examples": ["1 days", "continuous"],
}
YEAR: Schema = {"type": "string", "pattern": rf"^[0-9]{{4}}{_END}", "examples": ["2030"]}
EPOCH_OR_EMPTY: Schema = {"anyOf": [INTEGER, {"enum": [""]}], "examples": [1893463200, ""]}


_ID = re.compile(ID["pattern"])


def is_id(text: str) -> bool:
    """Return whether the text is valid as the id of a new document."""
    return len(text) <= ID["maxLength"] and _ID.match(text) is not None


def enum(*values: str) -> Schema:
    return {"enum": list(values)}


def list_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


class Index(Enum):
    """The ways to search a field."""

    KEYWORD = "keyword"
    TEXT = "text"
    """A search compares the words of the value in place of the whole value."""
    LONG = "long"
    EPOCH = "epoch"
    """An integer of 64 bits; a string of digits equals the number."""
    BOOLEAN = "boolean"
    DATE = "date"
    ASIDE = "aside"
    """Found only by the name of the field and not by words of the document: not every caller may see the field."""
    OFF = "off"
    """The field is not searchable."""
    MEMBERS = "members"
    """An object keyed by ids. The service searches for the ids; callers find its values only by words."""


@dataclass(frozen=True, slots=True)
class Field:
    """One property of a document.

    With ``fields`` it is an object (``many``: a list of objects), of which ``required`` are required and, if
    ``closed``, no others allowed. ``server``: set by the service only, dropped from bodies. ``hidden``: not shown
    by every version of the API.
    """

    name: str
    schema: Schema = default(default_factory=lambda: STRING)
    index: Index = Index.KEYWORD
    fields: "tuple[Field, ...]" = ()
    many: bool = False
    closed: bool = False
    required: tuple[str, ...] = ()
    server: bool = False
    hidden: bool = False

    def as_schema(self) -> Schema:
        if not self.fields:
            return self.schema
        inner = object_schema(self.fields, closed=self.closed, required=self.required)
        return list_of(inner) if self.many else inner


def object_schema(fields: Iterable[Field], *, closed: bool = False, required: Iterable[str] = ()) -> Schema:
    """Return the JSON Schema of an object with these fields, except those that the service sets.

    ``properties`` come last, so that validators report errors of the object itself first.
    """
    schema: dict[str, Any] = {"type": "object"}
    if required:
        schema["required"] = list(required)
    if closed:
        schema["additionalProperties"] = False
    schema["properties"] = {field.name: field.as_schema() for field in fields if not field.server}
    return schema


def walk(fields: Iterable[Field], prefix: str = "") -> Iterator[tuple[str, Field]]:
    """Yield every field with its dotted path, parents first."""
    for one in fields:
        path = prefix + one.name
        yield path, one
        yield from walk(one.fields, path + ".")
