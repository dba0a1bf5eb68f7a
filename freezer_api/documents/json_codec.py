"""Documents as JSON text: what may come in, and the two ways out.

Reading is the hottest thing the service does. ``orjson`` does it but turns integers beyond 64 bits into floats:
a text from outside that may hold one is read by ``json``, and a text of our own that does hold one starts with
a blank, which JSON ignores and the reader does not.
"""

import json
import math
from typing import Any

import orjson

from freezer_api.documents.fields import Document
from freezer_api.errors import Malformed

MAX_NESTING = 128
"""Levels of nesting; 64 must be kept, and every reader in the way must be able to follow."""

MAX_NUMBER_LENGTH = 1000
"""Digits."""

MAX_QUOTE_LENGTH = 100
"""Characters of a value that a message quotes."""

_EXACT = " "
_DIGITS_AS_ZEROS = bytes(ord("0") if chr(byte) in "0123456789" else byte for byte in range(256))
_MAYBE_BEYOND_64_BITS = b"0" * 19


def _finite(text: str) -> float:
    _check_digits(text)
    number = float(text)
    if math.isinf(number):
        raise Malformed("A number is too large to be kept")
    return number


def _integer(text: str) -> int:
    _check_digits(text)
    return int(text)


def _check_digits(text: str) -> None:
    if len(text) > MAX_NUMBER_LENGTH and sum(map(str.isdigit, text)) > MAX_NUMBER_LENGTH:
        raise Malformed(f"A number has more than {MAX_NUMBER_LENGTH} digits")


def _no_constant(name: str) -> Any:
    raise Malformed(f"{name} is no JSON")


_INCOMING = json.JSONDecoder(parse_float=_finite, parse_int=_integer, parse_constant=_no_constant)


def parse(data: bytes) -> Any:
    """JSON from outside. :class:`Malformed` for anything that could not be given back as it came.

    Of a key that comes twice in an object the last value counts.
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
            pass  # The other reader knows better what to say of it.
    return _carefully_parsed(data)


def _carefully_parsed(data: bytes) -> Any:
    try:
        value = _INCOMING.decode(data.decode("utf-8"))
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(f"The body is not UTF-8: byte {error.start}") from None
    except UnicodeEncodeError:
        raise Malformed("Half of a surrogate pair is no character") from None
    except json.JSONDecodeError as error:
        raise Malformed(f"{error.msg}: line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise _too_deep() from None
    return value


def _check_nesting(value: Any) -> None:
    """Level by level, so that no depth can break it."""
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
    """The text in which a document is stored; :func:`decode` gives back exactly this document."""
    try:
        return orjson.dumps(document).decode("utf-8")
    except orjson.JSONEncodeError:
        return _EXACT + json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def size(value: Any) -> int:
    """Return the bytes that a JSON value has as text."""
    try:
        return len(orjson.dumps(value))
    except orjson.JSONEncodeError:
        return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))


def decode(text: str) -> Document:
    """A document from the text that :func:`encode` made."""
    document: Document = json.loads(text) if text.startswith(_EXACT) else orjson.loads(text)
    return document


def answer(value: Any) -> bytes:
    """Any JSON value as UTF-8 for the wire, half surrogate pairs included (as escapes)."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value, separators=(",", ":")).encode("ascii")


def one_line(text: str, longest: int = MAX_QUOTE_LENGTH) -> str:
    """The text as a message may show it: on one line and not too long."""
    if not text.isprintable():
        text = repr(text)[1:-1]
    return text if len(text) <= longest else text[:longest] + "..."
