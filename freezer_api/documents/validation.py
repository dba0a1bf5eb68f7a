# SPDX-License-Identifier: Apache-2.0
"""Forms: the JSON Schemas (draft 4) of request bodies, derived from the fields.

A compiled validator accepts valid bodies quickly. If it refuses one, ``jsonschema`` decides and finds the errors.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from functools import cached_property
from itertools import islice
from typing import Any

import fastjsonschema
from jsonschema import Draft4Validator, ValidationError
from jsonschema.exceptions import relevance

from freezer_api.documents.fields import Document, Field, Schema, object_schema
from freezer_api.documents.json_codec import MAX_QUOTE_LENGTH, one_line
from freezer_api.documents.search_index import is_secret
from freezer_api.errors import Invalid

_DRAFT = "http://json-schema.org/draft-04/schema#"
_MAX_MESSAGE_LENGTH = 500
_MAX_ERRORS = 100
"""The maximum number of errors that are examined, because a body may have 100,000. Those at the root are first."""

_PHRASES = {
    "type": "is not of type {}",
    "enum": "is not one of {}",
    "pattern": "is not valid",
    "anyOf": "is not valid",
    "minLength": "should not be empty",
    "maxLength": "is longer than {} characters",
    "minimum": "is less than the minimum of {}",
    "maximum": "is greater than the maximum of {}",
}
"""The message for each violated keyword of a schema; ``{}`` is the keyword's value."""


class Form:
    """The rules of a body: its fields, the ``required`` ones, and whether others are refused (``closed``)."""

    def __init__(self, fields: Iterable[Field], *, closed: bool = False, required: Iterable[str] = ()) -> None:
        self.schema: Schema = {"$schema": _DRAFT, **object_schema(fields, closed=closed, required=required)}

    @cached_property
    def _accepts(self) -> Callable[[Document], object]:
        compiled: Callable[[Document], object] = fastjsonschema.compile(dict(self.schema), use_default=False)
        return compiled

    @cached_property
    def _judge(self) -> Draft4Validator:
        return Draft4Validator(self.schema)

    def check(self, document: Document) -> None:
        """Raise :class:`Invalid` with the most relevant violation and the path of the property."""
        try:
            self._accepts(document)
        except fastjsonschema.JsonSchemaValueException:
            errors = list(islice(self._judge.iter_errors(document), _MAX_ERRORS))
            if errors:
                raise Invalid("; ".join(_describe(errors))) from None


def _describe(errors: list[ValidationError]) -> Iterator[str]:
    """Yield the parts of the message: the violation, unknown properties of the same object, and a hint."""
    first = max(errors, key=relevance)
    path = ".".join(one_line(str(part)) for part in first.absolute_path)
    for error in errors:
        is_unknown = error.validator == "additionalProperties" and error.absolute_path == first.absolute_path
        if error is first or (is_unknown and first.validator == "required"):
            yield f"{_violation(error)} at {path}" if path else _violation(error)
            yield from _hints(error)


def _violation(error: ValidationError) -> str:
    phrase = _PHRASES.get(str(error.validator))
    if phrase is None:
        return error.message[:_MAX_MESSAGE_LENGTH]
    rule = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
    return f"{_quoted(error.instance)} {phrase.format(', '.join(map(_quoted, rule)))}"


def _hints(error: ValidationError) -> Iterator[str]:
    schema: Any = error.schema
    if error.validator in ("pattern", "anyOf"):
        yield f"expected a value such as {' or '.join(map(_quoted, schema['examples']))}"
    if error.validator == "additionalProperties":
        document: Any = error.instance
        known = schema["properties"]
        unknown = (name for name in document if name not in known and len(name) <= MAX_QUOTE_LENGTH)
        for name in islice(unknown, 1):
            yield from (f"did you mean {match!r}?" for match in get_close_matches(name, known, n=1))


def _quoted(value: Any) -> str:
    """Return the value in JSON; lists and objects, which may be long or contain secrets, are not shown."""
    if isinstance(value, str):
        return one_line(repr(value))
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict | list) and (len(text) > MAX_QUOTE_LENGTH or is_secret(text)):
        return "An object" if isinstance(value, dict) else "A list"
    return one_line(text)
