"""Forms: what a body must look like. Read off the fields, compiled once, judged by JSON Schema draft 4.

A compiled validator says yes quickly; when it does not, ``jsonschema`` decides and words the error.
"""

from collections.abc import Callable, Iterable
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
"""A body can break a rule in a hundred thousand places; errors at the root come first."""


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
            errors = islice(self._judge.iter_errors(document), _MAX_ERRORS)
            error = max(errors, key=relevance, default=None)
            if error is not None:
                raise Invalid(_worded(error)) from None


def _worded(error: ValidationError) -> str:
    """The validator's text on one line, and the place when it is not the root."""
    shown, message = repr(error.instance), error.message
    if message.startswith(shown):
        message = _quoted(error.instance, shown) + message[len(shown) :]
    message = message[:_MAX_MESSAGE_LENGTH]
    path = ".".join(one_line(str(part)) for part in error.absolute_path)
    return f"{message} at {path}" if path else message


def _quoted(value: Any, shown: str) -> str:
    """The value as the validator shows it, unless it is long or may hold secrets."""
    if isinstance(value, dict | list) and (len(shown) > MAX_QUOTE_LENGTH or is_secret(shown)):
        return "An object" if isinstance(value, dict) else "A list"
    return one_line(shown)
