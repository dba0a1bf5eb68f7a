# SPDX-License-Identifier: Apache-2.0
"""Test scenarios, written as requests to the service and the expected responses.

A file of ``scenarios/`` is YAML: a mapping of titles to scenarios. A scenario is a list of steps.

.. code-block:: yaml

    a client registers once:
    - POST clients/: {client_id: node1, uuid: u1}
      201: {client_id: node1}
    - POST clients/: {client_id: node1}
      409: Document already existing - Client already registered with ID node1
    - GET clients/node1:
      by: bob
      404: Not Found - No document found with ID node1

A step is a mapping. One key is the request line, with the body of the request as its value; another is the
status of the response, with the expected body as its value. Paths without a leading slash are below the path of
the version. A step may also have these keys:

``by``
the caller of the request: ``user``, ``user@project``, ``user@project role,role``, ``bad-token``, or null for
    a request without a token.
``with``
additional headers of the request; null omits a default header.
``headers``
expected headers of the response; null if a header must be missing.
``each``
a table. The step is repeated for each row; ``$1``, ``$2`` ... are replaced by the columns of the row. A row that
    is not a list has one column.
``only``
the only version of the API with which the step is run. If the first step has only this key, it applies to the
    whole scenario.
    Files whose names begin with a version are run with that version only.

``$name`` is a variable. The first expected response that contains it sets its value; in later steps it is
replaced by this value. The value keeps its type unless the variable is part of a longer text.

Objects and lists in responses have to be equal to the expected ones. In scenarios for both versions, keys by
which v2 differs from v1 (``versions.py``) are ignored. An expected error is written in one line as
``title - description``. These tags are compared differently:

``!part {...}``       an object with at least these keys, also in nested objects; ``!part [...]``: a list of them
``!has [...]``        a list with at least these items, each ``!part``, in any order
``!any``              any value; ``!any $name`` also sets a variable, as do the next three tags
``!id``               32 hexadecimal digits
``!int``              an integer
``!now``              the current time in epoch seconds
``!match 'regex'``    a text that matches the whole regular expression
``!count n``          a list of n items
``!absent``           in an object: the key is missing
``!ago n``            in a request: the time n seconds ago, in epoch seconds
``!raw "text"``       in a request: a body of exactly these bytes (each character of the text is one byte)
"""

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml

from tests.functional.client import DEFAULT, NO_BODY, Answer, Client
from tests.functional.versions import V1, Version

DIRECTORY = Path(__file__).parent / "scenarios"

_REQUEST_LINE = re.compile(r"([A-Z]+) (\S*)")
_NAME = re.compile(r"\$([a-z0-9_]+)")
_OTHERS = {"by", "with", "headers", "each", "only"}
_MAX_AGE = 20
"""Maximum seconds between the time of an event and its comparison with ``!now``."""

Names = dict[str, Any]


class Mismatch(AssertionError):
    """A response differs from the expected one."""


@dataclass(frozen=True)
class Tagged:
    """An expected value that is written with a tag."""

    tag: str
    value: Any = None


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Load YAML with the scalars of JSON: no dates, no ``yes`` and ``no``, no sexagesimal numbers."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        assert len(mapping) == len(node.value), f"a key comes twice{node.start_mark}"
        return mapping


for _tag, _pattern, _first in (
    ("null", r"null|~|", ["n", "~", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"-?(0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]+)?", list("-0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def _tagged(loader: Any, suffix: str, node: yaml.Node) -> Tagged:
    if isinstance(node, yaml.MappingNode):
        return Tagged(suffix, loader.construct_mapping(node, deep=True))
    if isinstance(node, yaml.SequenceNode):
        return Tagged(suffix, loader.construct_sequence(node, deep=True))
    if suffix in ("count", "ago"):
        return Tagged(suffix, int(node.value))
    return Tagged(suffix, node.value or None)


_Loader.add_multi_constructor("!", _tagged)


@dataclass(frozen=True)
class Scenario:
    name: str
    steps: list[dict[Any, Any]]

    def __str__(self) -> str:
        return self.name

    @property
    def only(self) -> str | None:
        """The version with which the scenario is run; None if it is run with all."""
        return self.steps[0]["only"] if self.steps[0].keys() == {"only"} else None

    def is_for(self, version: Version) -> bool:
        """Return whether the scenario is run with this version."""
        return self.only in (None, version.name)

    def run(self, client: Client) -> None:
        """Send the requests, and compare the responses with the expected ones."""
        __tracebackhide__ = True
        names: Names = {}
        differing = V1 if self.only else client.version
        for step in self.steps:
            if step.keys() == {"only"} or step.get("only", client.version.name) != client.version.name:
                continue
            for row in _filled(list(_rows(step)), names):
                known = names | row
                _play(client, step, known, differing)
                names |= {name: value for name, value in known.items() if name not in row}


def load(directory: Path = DIRECTORY) -> list[Scenario]:
    """Return the scenarios of all files."""
    found: list[Scenario] = []
    for path in sorted(directory.glob("*.yaml")):
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
        version = re.match("v[12]", path.stem)
        first = [{"only": version[0]}] if version else []
        found += (Scenario(f"{path.stem}: {title}", first + steps) for title, steps in content.items())
    assert len({scenario.name for scenario in found}) == len(found), "a title comes twice"
    return found


def requests(scenario: Scenario) -> Iterator[tuple[str, str, int]]:
    """Yield method, path below the version, and status of each request that contains no variable of a response."""
    for step in scenario.steps:
        if step.keys() == {"only"}:
            continue
        for row in _rows(step):
            line, status = (_with_columns(str(part), row) for part in _parts(step))
            match = _REQUEST_LINE.fullmatch(line)
            if match and status.isdigit():
                yield match[1], re.sub(r"^(/v1|/v2/[^/]*)?/?", "/", match[2]), int(status)


def _with_columns(text: str, row: Names) -> str:
    return _NAME.sub(lambda name: str(row.get(name[1], name[0])), text)


def _rows(step: dict[Any, Any]) -> Iterator[Names]:
    for row in step.get("each", [[]]):
        columns = row if isinstance(row, list) else [row]
        yield {str(number): column for number, column in enumerate(columns, 1)}


def _play(client: Client, step: dict[Any, Any], known: Names, version: Version) -> None:
    """Send one request and compare its response. Add the variables that the response sets to ``known``."""
    __tracebackhide__ = True
    line, status = _parts(step)
    match = _REQUEST_LINE.fullmatch(_filled(line, known))
    assert match, f"no request line: {line}"
    body = NO_BODY if step[line] is None else _filled(step[line], known)
    by, headers = (_filled(step.get(name, default), known) for name, default in (("by", DEFAULT), ("with", {})))
    answer = client(match[1], match[2], body, by=by, headers=headers)
    try:
        _compare(status, answer.status, known, "status")
        _compare_body(step[status], answer, known, version)
        for name, expected in step.get("headers", {}).items():
            _compare(expected, answer.headers.get(name.lower()), known, name)
    except Mismatch as error:
        asked = " ".join((match[0], "" if body is NO_BODY else repr(body)))
        raise Mismatch(f"{error}\n  asked:    {asked}\n  answered: {answer.status} {answer.data!r}") from None


def _parts(step: dict[Any, Any]) -> tuple[str, Any]:
    """Return the request line and the status, the two keys of a step without a special meaning."""
    line, *others = (key for key in step if key not in _OTHERS)
    (status,) = others
    return line, status


def _compare_body(expected: Any, answer: Answer, known: Names, version: Version) -> None:
    in_one_line = isinstance(expected, str) or (isinstance(expected, Tagged) and expected.tag == "match")
    if expected is None:
        _compare("", answer.data.decode(), known, "body")
    elif in_one_line and answer.status >= 400:
        _compare(expected, " - ".join(answer.error[1:]), known, "error")
    elif isinstance(expected, str) and not _NAME.fullmatch(expected):
        _compare(expected, answer.data.decode(), known, "body")
    else:
        shown = answer.json if answer.data else None
        _compare(*_without_differences_from_v1(expected, shown, version), known, "body")


def _without_differences_from_v1(expected: Any, actual: Any, version: Version) -> tuple[Any, Any]:
    """Return the expected and the actual value without the keys by which the version differs from v1."""
    if isinstance(expected, Tagged) and expected.tag == "part":
        inner, actual = _without_differences_from_v1(expected.value, actual, version)
        return Tagged("part", inner), actual
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        items = zip(expected, actual, strict=True)
        pairs = [_without_differences_from_v1(one, other, version) for one, other in items]
        return [one for one, _ in pairs], [other for _, other in pairs]
    if not (isinstance(expected, dict) and isinstance(actual, dict)):
        return expected, actual
    wanted = {key: value for key, value in expected.items() if key in actual or key not in version.lacks}
    absent = [key for key, value in wanted.items() if isinstance(value, Tagged) and value.tag == "absent"]
    named = wanted.keys() - absent
    shown = {key: value for key, value in actual.items() if key in named or not version.may_add(key, value)}
    for key in named & shown.keys():
        wanted[key], shown[key] = _without_differences_from_v1(wanted[key], shown[key], version)
    return wanted, shown


def _filled(value: Any, known: Names) -> Any:
    """Return a value of a request with its variables replaced."""
    if isinstance(value, Tagged):
        if value.tag == "ago":
            return int(time.time()) - value.value
        return (value.value or "").encode("latin-1") if value.tag == "raw" else value
    if isinstance(value, dict):
        return {_filled(key, known): _filled(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, known) for item in value]
    if not isinstance(value, str):
        return value
    alone = _NAME.fullmatch(value)
    if alone:
        return known[alone[1]]
    return _NAME.sub(lambda match: str(known[match[1]]), value)


def _compare(expected: Any, actual: Any, known: Names, where: str, *, partly: bool = False) -> None:
    if isinstance(expected, Tagged):
        _compare_tagged(expected, actual, known, where)
    elif isinstance(expected, dict) and isinstance(actual, dict):
        _compare_objects(expected, actual, known, where, partly=partly)
    elif isinstance(expected, list) and isinstance(actual, list):
        _require(len(expected) == len(actual), f"{where} has {len(actual)} items, expected {len(expected)}")
        for number, (one, other) in enumerate(zip(expected, actual, strict=True)):
            _compare(one, other, known, f"{where}[{number}]", partly=partly)
    else:
        _compare_plain(expected, actual, known, where)


def _compare_plain(expected: Any, actual: Any, known: Names, where: str) -> None:
    if isinstance(expected, str):
        alone = _NAME.fullmatch(expected)
        if alone and alone[1] not in known:
            known[alone[1]] = actual
            return
        expected = _filled(expected, known)
    same = expected == actual and isinstance(expected, bool) == isinstance(actual, bool)
    _require(same, f"{where} is {actual!r}, expected {expected!r}")


def _compare_objects(expected: Names, actual: Names, known: Names, where: str, *, partly: bool) -> None:
    wanted = {_filled(key, known): value for key, value in expected.items()}
    absent = {key for key, value in wanted.items() if isinstance(value, Tagged) and value.tag == "absent"}
    missing = wanted.keys() - absent - actual.keys()
    unwanted = (actual.keys() & absent) if partly else (actual.keys() - (wanted.keys() - absent))
    _require(not missing, f"{where} lacks {sorted(missing)}")
    _require(not unwanted, f"{where} has {sorted(unwanted)}")
    for key, value in wanted.items():
        if key not in absent:
            _compare(value, actual[key], known, f"{where}.{key}", partly=partly)


def _compare_tagged(expected: Tagged, actual: Any, known: Names, where: str) -> None:
    tag, value = expected.tag, expected.value
    if tag == "part":
        _compare(_spread(value, actual), actual, known, where, partly=True)
    elif tag == "has":
        for item in value:
            _require(_holds(item, actual, known), f"{where} has no item like {item}")
    elif tag == "count":
        _require(len(actual) == value, f"{where} has {len(actual)} items, expected {value}")
    elif tag == "match":
        pattern = _NAME.sub(lambda name: re.escape(str(known.get(name[1], name[0]))), value)
        described = isinstance(actual, str) and re.fullmatch(pattern, actual) is not None
        _require(described, f"{where} is {actual!r}, expected {pattern}")
    else:
        _require(_IS[tag](actual), f"{where} is {actual!r}, expected !{tag}")
        if value:
            _compare_plain(value, actual, known, where)


def _spread(value: Any, actual: Any) -> Any:
    return value if isinstance(value, dict) or not isinstance(actual, list) else [Tagged("part", v) for v in value]


def _holds(item: Any, actual: Iterable[Any], known: Names) -> bool:
    for candidate in actual:
        try:
            _compare(item, candidate, known, "", partly=True)
        except Mismatch:
            continue
        return True
    return False


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_IS = {
    "any": lambda _value: True,
    "id": lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{32}", value) is not None,
    "int": _is_int,
    "now": lambda value: _is_int(value) and abs(time.time() - value) <= _MAX_AGE,
}


def _require(holds: bool, text: str) -> None:
    if not holds:
        raise Mismatch(text)
