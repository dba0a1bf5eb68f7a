# SPDX-License-Identifier: Apache-2.0
"""Generate reStructuredText for operations, properties and errors."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus

from freezer_api.documents.fields import Index, Schema
from freezer_api.documents.kind import Kind
from freezer_reference.operations import (
    GENERAL_ERRORS,
    KEPT_UNDER,
    KIND_OF,
    VERSIONS,
    Operation,
    dropped_names,
    find,
    operations,
)
from freezer_reference.rules import Rule, rules

_USUALLY = {
    Index.KEYWORD: "text",
    Index.TEXT: "text",
    Index.LONG: "number",
    Index.EPOCH: "number",
    Index.BOOLEAN: "boolean",
    Index.DATE: "date",
}
_NO_RULE = "anything"
_BY_THE_SERVICE = "set by the service"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], widths: str) -> Iterator[str]:
    """Yield the lines of a list table."""
    yield ".. list-table::"
    yield "   :header-rows: 1"
    yield f"   :widths: {widths}"
    yield ""
    for row in (head, *rows):
        for number, cell in enumerate(row):
            yield f"   {'* -' if number == 0 else '  -'} {cell}".rstrip()
    yield ""


def operation(method: str, path: str) -> Iterator[str]:
    """Describe the routes of this method and path in all versions."""
    found = find(method, path)
    first, *others = found.values()
    for one in found.values():
        yield f"| **{one.version}** ``{one.route.method} {one.path}``"
    yield ""
    yield f":Rule: ``{first.route.rule}`` (:doc:`/configuration/policy`)"
    yield from _body(first, others)
    if first.parameters:
        yield f":Parameters: {_parameters(found.values())}"
    yield f":Answer: {_answer(first)}"
    errors = {status: text for one in found.values() for status, text in one.errors.items()}
    for status, text in sorted(errors.items()):
        yield f":{status}: {text}"
    yield ""


def _body(first: Operation, others: Iterable[Operation]) -> Iterator[str]:
    if first.route.handler == "search":
        yield ":Body: none, or a search (:doc:`search`)"
        return
    needed = {one.version: _needed(one.body) for one in (first, *others) if one.body is not None}
    if not needed:
        return
    texts = set(needed.values())
    if len(texts) == 1:
        yield f":Body: {texts.pop()}"
    else:
        yield f":Body: {'; '.join(f'{version}: {text}' for version, text in needed.items())}"


def _needed(body: Schema) -> str:
    found = rules(body)
    if "maxProperties" in body:
        return f"an object with one of the keys {_listed(name for name in found if '.' not in name)}"
    needed = [name for name, rule in found.items() if rule.required and "." not in name]
    return f"an object; {_listed(needed)} required" if needed else "an object; no property is required"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"``{name}``" for name in names)


def _parameters(found: Iterable[Operation]) -> str:
    shown: dict[str, str] = {}
    for one in found:
        for parameter in one.parameters:
            only = "" if one.version == "v1" or parameter.name in shown else f" ({one.version})"
            shown.setdefault(parameter.name, f"``{parameter.name}``{only}")
    return ", ".join(shown.values())


def _answer(one: Operation) -> str:
    reason = HTTPStatus(one.status).phrase
    if one.answer is None:
        return f"{one.status} {reason}, no body"
    if one.route.handler == "search":
        return f"{one.status} {reason}, an object with the list ``{one.kind.name}``"
    if "properties" not in one.answer:
        return f"{one.status} {reason}, the document with its ``_version``"
    return f"{one.status} {reason}, an object with {_listed(one.answer['properties'])}"


def parameters() -> Iterator[str]:
    """Describe the parameters of lists."""
    of_all = {parameter.name: parameter for one in operations() for parameter in one.parameters}
    rows = [(f"``{one.name}``", one.meaning) for one in of_all.values()]
    yield from table(("Parameter", "Meaning"), rows, "20 80")


def routes() -> Iterator[str]:
    """List all routes with their policy rules."""
    methods: dict[tuple[str, str], list[Operation]] = {}
    for one in operations():
        methods.setdefault((one.route.method, one.route.path), []).append(one)
    rows = [
        (
            f"``{method}``",
            f"``{path}``",
            ", ".join(one.version for one in found),
            f"``{found[0].route.rule}``",
            str(found[0].rule.description),
        )
        for (method, path), found in methods.items()
    ]
    yield from table(("Method", "Path", "Versions", "Rule", "What it does"), rows, "8 34 10 22 26")


def errors() -> Iterator[str]:
    """List the errors that every route may return."""
    rows = [(f"{status} {HTTPStatus(status).phrase}", text) for status, text in GENERAL_ERRORS.items()]
    yield from table(("Status", "When"), rows, "25 75")


def properties(name: str) -> Iterator[str]:
    """Describe the properties of a kind: valid values, and which are set by the service."""
    kind = KIND_OF[name]
    given = {version.mount[1:]: _rules_of(kind, version.mount[1:]) for version in VERSIONS}
    paths = list(dict.fromkeys(path for found in given.values() for path in found))
    ruled = [path for path in paths if not _is_free(path, given.values())]
    free = {
        path: [version for version in given if path in given[version]]
        for path in paths
        if path not in (*ruled, *dropped_names(kind))
    }
    rows = [(f"``{path}``", _rule_of(kind, path, given)) for path in ruled]
    rows += [(f"``{name}``", _by_the_service(kind, name)) for name in _shown_names(kind) if name not in ruled]
    yield from table(("Property", "Valid values"), rows, "35 65")
    yield from _free(kind, free)


def _rules_of(kind: Kind, version: str) -> dict[str, Rule]:
    (create,) = (
        one for one in operations() if (one.version, one.kind, one.route.handler) == (version, kind, "create")
    )
    return rules(create.body or {})


def _is_free(path: str, given: Iterable[dict[str, Rule]]) -> bool:
    """Return whether no version restricts the values of the property."""
    return all(found[path].words == _NO_RULE for found in given if path in found)


def _rule_of(kind: Kind, path: str, given: dict[str, dict[str, Rule]]) -> str:
    told = {version: _told(found[path]) for version, found in given.items() if path in found}
    if path in kind.server_names:
        told = {version: text if text != _NO_RULE else _BY_THE_SERVICE for version, text in told.items()}
    texts = set(told.values())
    if len(told) == len(given) and len(texts) == 1:
        return texts.pop()
    return "; ".join(f"{version}: {text}" for version, text in told.items())


def _told(rule: Rule) -> str:
    return f"{rule.words}; **required**" if rule.required else rule.words


def _shown_names(kind: Kind) -> list[str]:
    """Return the root properties that only the service sets and that some version shows."""
    return [field.name for field in kind.fields if field.server and _showing(kind, field.name)]


def _showing(kind: Kind, name: str) -> list[str]:
    """Return the versions that show a root property."""
    return [
        version.mount[1:]
        for version in VERSIONS
        if name in version.shown(kind, {"client": {}, **{field.name: {} for field in kind.fields}})
    ]


def _by_the_service(kind: Kind, name: str) -> str:
    showing = _showing(kind, name)
    return _BY_THE_SERVICE if len(showing) == len(VERSIONS) else f"{_BY_THE_SERVICE}; {showing[0]} shows it"


def _free(kind: Kind, taking: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """List the properties without a rule by their usual type. ``taking``: the versions that accept each one."""
    groups: dict[tuple[str, str], list[str]] = {}
    for path, versions in taking.items():
        container, _, name = path.rpartition(".")
        place = f"``{container}``" if container else "the root"
        if len(versions) < len(VERSIONS):
            place += f" ({versions[0]})"
        stored = KEPT_UNDER.get(kind.name, "") + path.replace("[]", "")
        groups.setdefault((place, _USUALLY[kind.paths[stored].index]), []).append(name)
    if not groups:
        return
    yield "These accept any value, which is stored as sent:"
    yield ""
    rows = [(place, usual, _listed(names)) for (place, usual), names in groups.items()]
    yield from table(("In", "Usually", "Names"), rows, "25 15 60")
