# SPDX-License-Identifier: Apache-2.0
"""Read a dump of the original's Elasticsearch: hits as JSON, one per line, or responses of searches."""

import codecs
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import IO, Any

from freezer_api.compat.legacy.findings import Found, Refused, Source, source_errors
from freezer_api.documents.fields import Document
from freezer_api.documents.json_codec import encode, parse
from freezer_api.documents.kind import Kind
from freezer_api.documents.registry import KINDS
from freezer_api.errors import Invalid, Malformed

STDIN = "-"

_KINDS = {kind.name: kind for kind in KINDS}
_MAX_VERSION = 2**30
"""The maximum version of an imported document; larger ones are reduced to it. A store can count to twice this."""


@contextmanager
def open_dump(name: str) -> Iterator[Source]:
    """Return the hits in the file ``name``, or in stdin. Raises ``CommandError`` if it cannot be read.

    The hits are sorted by kind into temporary files, so that memory does not depend on their number. A line is
    held in memory, and so is a response that is printed on several lines.
    """
    shown = "the dump" if name == STDIN else name
    with ExitStack() as files:
        with source_errors(shown):
            by_kind = {name: files.enter_context(tempfile.TemporaryFile()) for name in _KINDS}
            with sys.stdin.buffer if name == STDIN else open(name, "rb") as file:
                strays = list(_sort(file, by_kind))
        yield Source(partial(_read, shown, by_kind), strays)


def _sort(dump: IO[bytes], by_kind: Mapping[str, IO[bytes]]) -> Iterator[Refused]:
    """Write each hit to the file of its kind. Yield the entries whose kind is unknown."""
    for place, value in _values(dump):
        for hit in _hits(value):
            try:
                kind = kind_of(hit)
            except Invalid as error:
                yield Refused(None, place, str(error))
            else:
                by_kind[kind.name].write(encode(hit).encode("utf-8") + b"\n")


def _read(shown: str, by_kind: Mapping[str, IO[bytes]], kind: Kind) -> Iterator[Found]:
    file = by_kind[kind.name]
    with source_errors(shown):
        file.seek(0)
        for line in file:
            yield found(kind, parse(line))


def kind_of(hit: Any) -> Kind:
    """Return the kind of a hit, by its type or else by its properties. Raises ``Invalid`` if it is unknown."""
    if isinstance(hit, Malformed):
        raise hit
    source = hit.get("_source") if isinstance(hit, dict) else None
    if not isinstance(source, dict):
        raise Invalid("it is not a hit with a _source")
    marks = (
        (hit.get("_type"), hit.get("_type") in list(_KINDS)),
        ("backups", "backup_metadata" in source),
        ("clients", isinstance(source.get("client"), dict)),
        ("jobs", "job_actions" in source or "job_schedule" in source),
        ("actions", "action_id" in source),
        ("sessions", "session_id" in source),
    )
    for name, has_mark in marks:
        if has_mark:
            return _KINDS[name]
    raise Invalid("its kind is unknown")


def found(kind: Kind, hit: Document) -> Found:
    """Return the document of a hit, with the id of the hit if it has none."""
    source, id_, version = hit["_source"], hit.get("_id"), hit.get("_version")
    if kind.keyed_by_id and not source.get(kind.id_field) and isinstance(id_, str):
        source = {**source, kind.id_field: id_}
    if not isinstance(version, int) or isinstance(version, bool):
        version = 1
    return Found(str(id_), source, max(1, min(version, _MAX_VERSION)))


def _hits(value: Any) -> list[Any]:
    """Return the hits of a response, or the value itself if it is one hit."""
    hits = value.get("hits") if isinstance(value, dict) else None
    listed = hits.get("hits") if isinstance(hits, dict) else None
    return listed if isinstance(listed, list) else [value]


def _values(file: IO[bytes]) -> Iterator[tuple[str, Any]]:
    """Yield the place and the JSON value of each line, or the error if it is invalid."""
    for number, line in enumerate(file, 1):
        text = (line.removeprefix(codecs.BOM_UTF8) if number == 1 else line).strip()
        if number == 1 and text == b"{":
            yield "the answer", parse(text + file.read())
        elif text:
            try:
                value = parse(text)
            except Malformed as error:
                value = error
            yield f"line {number}", value
