# SPDX-License-Identifier: Apache-2.0
"""Read a dump of the original's Elasticsearch: hits as JSON, one per line, or responses of searches."""

import codecs
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Any

from freezer_api.compat.legacy.findings import Found, Refused
from freezer_api.documents.fields import Document
from freezer_api.documents.json_codec import encode, parse
from freezer_api.documents.kind import Kind
from freezer_api.documents.registry import KINDS
from freezer_api.errors import CommandError, Malformed

STDIN = "-"

_KINDS = {kind.name: kind for kind in KINDS}
_MAX_VERSION = 2**30
"""The maximum version of an imported document; larger ones are reduced to it. A store can count to twice this."""


class Dump:
    """A dump: the hits in the file ``name``, or in stdin.

    They are sorted by kind into temporary files, so that memory does not depend on their number. A line is held in
    memory, and so is a response that is printed on several lines.
    """

    def __init__(self, name: str) -> None:
        self._name = "the dump" if name == STDIN else name
        self._strays: list[Refused] = []
        with ExitStack() as on_error, _errors_in_one_line(self._name):
            self._files = {name: on_error.enter_context(tempfile.TemporaryFile()) for name in _KINDS}
            with sys.stdin.buffer if name == STDIN else open(name, "rb") as file:
                self._sort(file)
            self._open = on_error.pop_all()

    def _sort(self, file: IO[bytes]) -> None:
        for place, value in _values(file):
            for hit in _hits(value):
                kind = kind_of(hit)
                if kind is None:
                    self._strays.append(Refused(None, place, _why_stray(hit)))
                else:
                    self._files[kind.name].write(encode(hit).encode("utf-8") + b"\n")

    def read(self, kind: Kind) -> Iterator[Found | Refused]:
        file = self._files[kind.name]
        with _errors_in_one_line(self._name):
            file.seek(0)
            for line in file:
                yield found(kind, parse(line))

    def strays(self) -> Iterator[Refused]:
        return iter(self._strays)

    def close(self) -> None:
        self._open.close()


def kind_of(hit: Any) -> Kind | None:
    """Return the kind of a hit, by its type or else by its properties, None if it is unknown."""
    source = hit.get("_source") if isinstance(hit, dict) else None
    if not isinstance(source, dict):
        return None
    type_ = hit.get("_type")
    return _KINDS.get(type_ if isinstance(type_, str) else "") or _kind_by_content(source)


def _kind_by_content(source: Document) -> Kind | None:
    marks = (
        ("backups", "backup_metadata" in source),
        ("clients", isinstance(source.get("client"), dict)),
        ("jobs", "job_actions" in source or "job_schedule" in source),
        ("actions", "action_id" in source),
        ("sessions", "session_id" in source),
    )
    return next((_KINDS[name] for name, has_mark in marks if has_mark), None)


def found(kind: Kind, hit: Document) -> Found:
    """Return the document of a hit, with the id of the hit if it has none."""
    source, id_, version = hit["_source"], hit.get("_id"), hit.get("_version")
    if kind.keyed_by_id and not source.get(kind.id_field) and isinstance(id_, str):
        source = {**source, kind.id_field: id_}
    if not isinstance(version, int) or isinstance(version, bool):
        version = 1
    return Found(kind, str(id_), source, max(1, min(version, _MAX_VERSION)))


def _hits(value: Any) -> list[Any]:
    """Return the hits of a response, or the value itself if it is one hit."""
    hits = value.get("hits") if isinstance(value, dict) else None
    listed = hits.get("hits") if isinstance(hits, dict) else None
    return listed if isinstance(listed, list) else [value]


def _why_stray(hit: Any) -> str:
    if isinstance(hit, Malformed):
        return str(hit)
    is_hit = isinstance(hit, dict) and isinstance(hit.get("_source"), dict)
    return "its kind is unknown" if is_hit else "it is not a hit with a _source"


def _values(file: IO[bytes]) -> Iterator[tuple[str, Any]]:
    """Yield the place and the JSON value of each line, or the error if it is invalid."""
    for number, line in enumerate(file, 1):
        text = (line.removeprefix(codecs.BOM_UTF8) if number == 1 else line).strip()
        if number == 1 and text == b"{":
            yield "the answer", parse(text + file.read())
        elif text:
            yield f"line {number}", _parsed(text)


def _parsed(text: bytes) -> Any:
    try:
        return parse(text)
    except Malformed as error:
        return error


@contextmanager
def _errors_in_one_line(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CommandError(f"cannot read {name}: {error.strerror}") from None
    except Malformed as error:
        raise CommandError(f"cannot read {name}: {error}") from None
