"""The API reference is true: every route is there, examples print what they show, rules are the service's."""

import copy
import itertools
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft4Validator

from freezer_api.api.routes import ROUTES_OF_V2
from freezer_api.api.v1 import V1
from freezer_api.api.v2 import V2
from freezer_api.documents import jobs, sessions
from freezer_api.errors import Invalid
from freezer_reference.operations import GENERAL_ERRORS, Operation, operations
from tests.docs import console
from tests.functional.notation import load, requests
from tests.support.service import Service

DIRECTORY = console.ROOT / "doc" / "source" / "api"
PAGES = [DIRECTORY / f"{name}.rst" for name in ("clients", "jobs", "actions", "sessions", "backups", "search")]
"""In the order in which they are played."""

_SECTION = re.compile(r"\.\. freezer-operation:: (\w+) (\S+)\n(.*?)(?=\n=+\n|\Z)", re.DOTALL)
OPERATIONS = list(operations())
TAKING = [one for one in OPERATIONS if one.body is not None and one.route.handler != "search"]


def _name(one: Operation) -> str:
    return f"{one.version} {one.route.method} {one.route.path}"


def test_the_examples_print_what_the_pages_show(service: Service) -> None:
    run, address = console.Run(), service.url.removeprefix("http://")
    for page in PAGES:
        for command in itertools.chain.from_iterable(map(console.commands, console.blocks(page.read_text()))):
            printed = console.normalised(run.printed(command, address))
            assert printed == console.normalised(command.output), (page.name, command.lines)


def _sections() -> dict[tuple[str, str], list[str]]:
    """What the pages say of each route."""
    found = defaultdict(list)
    for page in PAGES:
        for method, path, text in _SECTION.findall(page.read_text()):
            found[method, path].append(text)
    return found


def test_every_route_has_its_place() -> None:
    sections = _sections()
    assert {(route.method, route.path) for route in ROUTES_OF_V2} == sections.keys()
    assert all(len(texts) == 1 for texts in sections.values())


@pytest.mark.parametrize(("method", "path"), [(route.method, route.path) for route in ROUTES_OF_V2])
def test_every_route_has_an_example(method: str, path: str) -> None:
    (text,) = _sections()[method, path]
    url = re.sub(r"\\\{\w+\\\}", r"[\\w-]+", re.escape(path))
    asked = rf"curl -X {method} '?localhost:9090/v[12](/demo)?{url}['? \n]"
    assert re.search(asked if method != "GET" else asked.replace("-X GET ", "(-X GET )?"), text)


def _told() -> dict[tuple[str, str], set[int]]:
    """The statuses of each route that the conversations have."""
    found = defaultdict(set)
    patterns = [
        (route, re.compile(re.sub(r"\{\w+\}", r"[^/?]+", route.path) + r"/?(\?.*)?")) for route in ROUTES_OF_V2
    ]
    for method, path, status in itertools.chain.from_iterable(map(requests, load())):
        for route, pattern in patterns:
            if route.method == method and pattern.fullmatch(path):
                found[method, route.path].add(status)
    return found


def test_the_statuses_are_those_of_the_conversations() -> None:
    """All that a page tells of a route was seen, and nothing else was but what all routes answer."""
    told = _told()
    for one in OPERATIONS:
        seen = told[one.route.method, one.route.path]
        special = {one.status, *one.errors}
        assert special <= seen, _name(one)
    for route in ROUTES_OF_V2:
        here = [one for one in OPERATIONS if (one.route.method, one.route.path) == (route.method, route.path)]
        documented = {status for one in here for status in (one.status, *one.errors)}
        assert told[route.method, route.path] <= documented | GENERAL_ERRORS.keys(), route


_ACCEPT = {
    "backups": {"create": "backup", "patch": "backup_patch"},
    "clients": {"create": "client", "patch": "client_patch"},
    "actions": {"create": "action", "put": "action_replacement", "patch": "action_patch"},
    "jobs": {"create": "job", "put": "job_replacement", "patch": "job_patch"},
    "sessions": {"create": "session", "put": "session_replacement", "patch": "session_patch"},
}
VALID: dict[str, Any] = {
    "backups": {"backup_name": "b", "container": "c", "hostname": "h", "status": "available"},
    "clients": {"client_id": "c", "hostname": "h", "supported_modes": ["fs"], "is_central": False},
    "actions": {"action_id": "a", "freezer_action": {"action": "backup", "mode": "fs"}, "max_retries": 1},
    "jobs": {
        "client_id": "c",
        "job_actions": [{"freezer_action": {"action": "backup", "mode": "fs"}, "max_retries": 1}],
        "job_schedule": {"schedule_interval": "1 days", "schedule_date": "2030-01-01T00:00:00", "status": ""},
        "session_id": "",
        "job_id": "j",
    },
    "sessions": {
        "session_tag": 1,
        "schedule": {"schedule_interval": "1 days"},
        "hold_off": 3,
        "description": None,
    },
}
ODD = (None, True, 7, -1, "", "a b", "a", [], [{}], {}, {"a": 1}, 2**63)
PATCH_OF_A_BACKUP: dict[str, Any] = {"status": "available", "backup_metadata": {"a": 1}}
_REST = {
    ("jobs", "job_id"): "v2 alone reads it",
    ("jobs", "job_actions"): "an item needs a definition or an id, beyond the schema",
    ("jobs", "0"): "the same",
    ("jobs", "freezer_action"): "null is none",
    ("actions", "freezer_action"): "null is none, and in v1 any other key may take its place",
    ("actions", "action_id"): "it counts for a create alone",
    ("clients", "is_central"): "a PATCH drops it",
    ("clients", "client_id"): "a PATCH drops it",
}
"""Names whose schema does not tell all."""


def _accepts(one: Operation, body: Any) -> bool:
    try:
        if one.route.handler == "event":
            return jobs.event_of(body) in jobs.EVENTS
        if one.route.handler == "act":
            return sessions.action_of(body) is not None
        getattr(V1 if one.version == "v1" else V2, _ACCEPT[one.route.resource][one.route.handler])(body)
    except Invalid:
        return False
    return True


def _disturbed(document: Any) -> Iterator[tuple[str, Any]]:
    """The document with a value replaced or taken away, or one added, anywhere; and the name of it."""
    places = document.items() if isinstance(document, dict) else enumerate(document)
    for place, value in list(places):
        for odd in ODD:
            yield str(place), _with(document, place, odd)
        if isinstance(document, dict):
            yield str(place), {key: inner for key, inner in document.items() if key != place}
        if isinstance(value, (dict, list)):
            for name, inner in _disturbed(value):
                yield name, _with(document, place, inner)
    if isinstance(document, dict):
        yield "odd", {**document, "odd": 1}


def _with(document: Any, place: Any, value: Any) -> Any:
    changed = copy.deepcopy(document)
    changed[place] = value
    return changed


@pytest.mark.parametrize("one", [one for one in TAKING if one.route.handler not in ("event", "act")], ids=_name)
def test_the_schemas_are_those_by_which_bodies_are_judged(one: Operation) -> None:
    """A disturbed body breaks the schema that is shown exactly when the service refuses it."""
    judge = Draft4Validator(one.body)
    tried = refused = 0
    valid = VALID[one.route.resource] if "PATCH /backups" not in _name(one) else PATCH_OF_A_BACKUP
    for name, body in _disturbed(valid):
        fits = judge.is_valid(body)
        if (one.route.resource, name) in _REST:
            continue
        tried += 1
        refused += not fits
        assert _accepts(one, body) == fits, body
    assert tried > refused > 10


@pytest.mark.parametrize("one", [one for one in TAKING if one.route.handler in ("event", "act")], ids=_name)
def test_requests_are_judged_by_their_schemas(one: Operation) -> None:
    assert one.body is not None
    valid = {word: {"job_id": "j", "current_tag": 1, "result": "fail"} for word in one.body["properties"]}
    judge, judged = Draft4Validator(one.body), set()
    for body in [*({word: request} for word, request in valid.items()), valid, {}, {"odd": None}]:
        judged.add(judge.is_valid(body))
        assert _accepts(one, body) == judge.is_valid(body), body
    assert judged == {True, False}
