# SPDX-License-Identifier: Apache-2.0
"""Parameters of the query string, and links to the next page."""

import base64
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, unquote_plus

import falcon

from freezer_api.documents.fields import LONG_MAX
from freezer_api.errors import InvalidParameter
from freezer_api.repository.query import Position

DEFAULT_LIMIT = 10

_INTEGER = re.compile(r"[+-]?[0-9]+")
_TRUE = frozenset(("true", "t", "yes", "y", "1", "on"))
_FALSE = frozenset(("false", "f", "no", "n", "0", "off"))
_POSITION = re.compile(rb"([01])\.([0-9]{1,19})\.(.+)", re.DOTALL)
_REPLACED = ("marker", "offset")
_SHORT = ("limit", "with_count", "all_projects")
_IN_A_LINK = "%=+"

MAX_LINK_SIZE = 2048
"""Bytes of the header. Proxies refuse responses with larger headers than their buffers (nginx: 4 or 8 KiB)."""


def parameter(req: falcon.Request, name: str) -> str | None:
    """Return the last value of the parameter; an empty one is treated as absent."""
    value = req.params.get(name)
    if isinstance(value, list):
        value = value[-1]
    return value or None


def integer(req: falcon.Request, name: str, default: int, minimum: int) -> int:
    """Return an integer, limited to 64 bits. In a list with commas, the last item applies."""
    value = parameter(req, name)
    if value is None:
        return default
    number = _number(value)
    if number is None:
        raise InvalidParameter(f'The "{name}" parameter is invalid. The value must be an integer.')
    if number < minimum:
        raise InvalidParameter(f'The "{name}" parameter is invalid. The value must be at least {minimum}')
    return number


@lru_cache(maxsize=1024)
def _number(value: str) -> int | None:
    text = value.rsplit(",", 1)[-1].strip()
    if not _INTEGER.fullmatch(text):
        return None
    number = min(int(text.lstrip("+-").lstrip("0")[:20] or "0"), LONG_MAX)
    return -number if text.startswith("-") else number


def flag(req: falcon.Request, name: str) -> bool:
    """Return a boolean; false if it is absent."""
    value = parameter(req, name)
    if value is None:
        return False
    word = value.rsplit(",", 1)[-1].strip().lower()
    if word not in _TRUE | _FALSE:
        raise InvalidParameter(f'The "{name}" parameter is invalid. The value must be true or false.')
    return word in _TRUE


def marker(req: falcon.Request, offset: int) -> Position | None:
    """Return the position after which the page starts."""
    text = parameter(req, "marker")
    if text is None:
        return None
    if offset:
        raise InvalidParameter('The "marker" parameter is invalid. It cannot be used with an offset.')
    try:
        return position_of(text)
    except ValueError:
        raise InvalidParameter(
            'The "marker" parameter is invalid. Use the one from the Link header of a list.'
        ) from None


def position_of(marker: str) -> Position:
    """Return the position of a marker. Raises ``ValueError``."""
    match = _POSITION.fullmatch(base64.urlsafe_b64decode(marker.encode("ascii")))
    if match is None:
        raise ValueError
    rank, created, key = match.groups()
    return Position(int(rank), min(int(created), LONG_MAX), key.decode("utf-8"))


def marker_of(position: Position) -> str:
    text = f"{position.rank}.{position.created}.{position.key}"
    return base64.urlsafe_b64encode(text.encode()).decode("ascii")


def next_link(req: falcon.Request, position: Position) -> str:
    """Return the ``Link`` header for the next page, with all other parameters.

    Above ``MAX_LINK_SIZE`` unknown parameters are omitted, then ``search``, which the client has to send again.
    """
    # Escape characters that would end the URL within the header.
    parts = [part for part in req.query_string.split("&") if part]
    others = [(_name(part), quote(part, safe=_IN_A_LINK)) for part in parts if _name(part) not in _REPLACED]
    link = _link(req, (part for _, part in others), position)
    for kept in ((*_SHORT, "search"), _SHORT):
        if len(link) > MAX_LINK_SIZE:
            link = _link(req, (part for name, part in others if name in kept), position)
    return link


def _name(part: str) -> str:
    return unquote_plus(part.partition("=")[0])


def _link(req: falcon.Request, parts: Iterable[str], position: Position) -> str:
    query = "&".join([*parts, f"marker={quote(marker_of(position))}"])
    return f'<{req.prefix}{req.path}?{query}>; rel="next"'
