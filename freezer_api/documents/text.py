"""Documents as JSON text: what may come in, and the two ways out.

Reading our own text is the hottest thing the service does. ``orjson`` does it but turns integers beyond 64
bits into floats; a text that holds one starts with a blank, which JSON ignores and the reader does not.
"""

import json
import math
from typing import Any

import orjson

from freezer_api.documents.fields import Document
from freezer_api.errors import Malformed

DEEPEST = 128
"""Levels of nesting; 64 must be kept, and every reader in the way must be able to follow."""

LONGEST_NUMBER = 1000
"""Digits."""

_EXACT = " "


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise Malformed("A number is too large to be kept")
    return number


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > LONGEST_NUMBER:
        raise Malformed(f"A number has more than {LONGEST_NUMBER} digits")
    return int(text)


def _no_constant(name: str) -> Any:
    raise Malformed(f"{name} is no JSON")


_INCOMING = json.JSONDecoder(parse_float=_finite, parse_int=_integer, parse_constant=_no_constant)


def parse(data: bytes) -> Any:
    """JSON from outside. :class:`Malformed` for anything that could not be given back as it came."""
    try:
        value = _INCOMING.decode(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not UTF-8: byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"{error.msg}: line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise Malformed(f"More than {DEEPEST} levels of nesting") from None
    _check(value)
    return value


def _check(value: Any) -> None:
    """Nesting within bounds, no half surrogate pairs. Level by level, so that no depth can break it."""
    level = [value]
    for _ in range(DEEPEST + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
            elif isinstance(item, dict):
                below.extend(item)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if not below:
            return
        level = below
    raise Malformed(f"More than {DEEPEST} levels of nesting")


def _check_text(text: str) -> None:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise Malformed("Half of a surrogate pair is no character") from None


def encode(document: Document) -> str:
    """The text in which a document is stored; :func:`decode` gives back exactly this document."""
    try:
        return orjson.dumps(document).decode("utf-8")
    except TypeError:
        return _EXACT + json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def decode(text: str) -> Document:
    """A document from the text that :func:`encode` made."""
    document: Document = json.loads(text) if text.startswith(_EXACT) else orjson.loads(text)
    return document


def answer(value: Any) -> bytes:
    """Any JSON value as UTF-8 for the wire."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
