"""Forms: what a body must look like. Read off the fields, compiled once, judged by JSON Schema draft 4.

A compiled validator says yes quickly; when it does not, ``jsonschema`` decides and words the error.
"""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import fastjsonschema
from jsonschema import Draft4Validator, ValidationError
from jsonschema.exceptions import relevance

from freezer_api.documents.fields import Document, Field, Schema, object_schema
from freezer_api.documents.search_index import is_secret
from freezer_api.errors import Invalid

_LONGEST_QUOTE = 100
_DRAFT = "http://json-schema.org/draft-04/schema#"


class Form:
    """A body's rules: these fields, those of ``required`` present, others allowed unless ``closed``."""

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
        """Raise :class:`Invalid` with the most telling violation; the text names the field."""
        try:
            self._accepts(document)
        except fastjsonschema.JsonSchemaValueException:
            error = max(self._judge.iter_errors(document), key=relevance, default=None)
            if error is not None:
                raise Invalid(_worded(error)) from None


def _worded(error: ValidationError) -> str:
    """The validator's first line, without long or secret values, followed by the place when it is not the root."""
    path = [str(part) for part in error.absolute_path]
    message = error.message.split("\n", 1)[0]
    if error.validator not in ("required", "additionalProperties"):
        message = message.replace(repr(error.instance).split("\n", 1)[0], _quoted(error.instance, path), 1)
    elif len(message) > 2 * _LONGEST_QUOTE:
        message = message[: 2 * _LONGEST_QUOTE] + "..."
    return f"{message} at {'.'.join(path)}" if path else message


def _quoted(value: Any, path: list[str]) -> str:
    if any(map(is_secret, path)):
        return "The value"
    if isinstance(value, dict):
        return "An object"
    if isinstance(value, list):
        return "A list"
    text = repr(value)
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "..."
