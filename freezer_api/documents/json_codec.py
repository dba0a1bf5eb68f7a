# SPDX-License-Identifier: Apache-2.0
"""Parse JSON of requests, and encode documents for the store and for responses.

``orjson`` is fast but turns integers beyond 64 bits into floats. So the standard library parses requests that may
contain such an integer, and stored documents that do; their text starts with a blank, which JSON ignores.
"""

import json
import math
from typing import Any

import orjson

from freezer_api.documents.fields import Document
from freezer_api.errors import Malformed

MAX_NESTING = 128
"""Maximum levels of nesting. At least 64 must be stored, and every parser must be able to read them."""

MAX_NUMBER_LENGTH = 1000
"""Maximum number of digits."""

MAX_QUOTE_LENGTH = 100
"""Maximum number of characters of a value in a message."""

_EXACT = " "
_DIGITS_AS_ZEROS = bytes(ord("0") if chr(byte) in "0123456789" else byte for byte in range(256))
_MAYBE_BEYOND_64_BITS = b"0" * 19


def _finite(text: str) -> float:
    _check_digits(text)
    number = float(text)
    if math.isinf(number):
        raise Malformed("A number is too large")
    return number


def _integer(text: str) -> int:
    _check_digits(text)
    return int(text)


def _check_digits(text: str) -> None:
    if len(text) > MAX_NUMBER_LENGTH and sum(map(str.isdigit, text)) > MAX_NUMBER_LENGTH:
        raise Malformed(f"A number has more than {MAX_NUMBER_LENGTH} digits")


def _no_constant(name: str) -> Any:
    raise Malformed(f"{name} is not valid JSON")


_INCOMING = json.JSONDecoder(parse_float=_finite, parse_int=_integer, parse_constant=_no_constant)


def parse(data: bytes) -> Any:
    """Parse JSON of a request. Raises ``Malformed`` for values that cannot be stored exactly.

    If an object has a key twice, the last value applies.
    """
    value = _quickly_parsed(data)
    if data.count(b"[") + data.count(b"{") > MAX_NESTING:
        _check_nesting(value)
    return value


def _quickly_parsed(data: bytes) -> Any:
    if _MAYBE_BEYOND_64_BITS not in data.translate(_DIGITS_AS_ZEROS):
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            pass  # The parser of the standard library reports the error.
    return _carefully_parsed(data)


def _carefully_parsed(data: bytes) -> Any:
    try:
        value = _INCOMING.decode(data.decode("utf-8"))
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not UTF-8: byte {error.start}") from None
    except UnicodeEncodeError:
        raise Malformed("A string contains half of a surrogate pair") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"{error.msg}: line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise _too_deep() from None
    return value


def _check_nesting(value: Any) -> None:
    """Raise ``Malformed`` if the value has too many levels. Check level by level, without recursion."""
    level = [value]
    for _ in range(MAX_NESTING + 1):
        level = [item for item in level if isinstance(item, dict | list)]
        if not level:
            return
        level = [below for item in level for below in (item.values() if isinstance(item, dict) else item)]
    raise _too_deep()


def _too_deep() -> Malformed:
    return Malformed(f"More than {MAX_NESTING} levels of nesting")


def encode(document: Document) -> str:
    """Return the document as text; :func:`decode` returns exactly this document."""
    try:
        return orjson.dumps(document).decode("utf-8")
    except orjson.JSONEncodeError:
        return _EXACT + json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def size(value: Any) -> int:
    """Return the size of a JSON value in bytes when it is encoded."""
    try:
        return len(orjson.dumps(value))
    except orjson.JSONEncodeError:
        return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))


def decode(text: str) -> Document:
    """Return the document of a text that :func:`encode` returned."""
    document: Document = json.loads(text) if text.startswith(_EXACT) else orjson.loads(text)
    return document


def answer(value: Any) -> bytes:
    """Return a JSON value as UTF-8 for a response; halves of surrogate pairs are escaped."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value, separators=(",", ":")).encode("ascii")


def one_line(text: str, max_length: int = MAX_QUOTE_LENGTH) -> str:
    """Return the text for a message: on one line, and cut if it is too long."""
    if not text.isprintable():
        text = repr(text)[1:-1]
    return text if len(text) <= max_length else text[:max_length] + "..."
