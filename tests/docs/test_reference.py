# SPDX-License-Identifier: Apache-2.0
"""The API reference has every route, the output of the service, and its schemas and statuses."""

import copy
import itertools
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft4Validator

from freezer_api.api.v1 import V1
from freezer_api.api.v2 import V2
from freezer_api.documents import backups, clients, jobs, sessions
from freezer_api.errors import Invalid
from freezer_api.routes import ROUTES_OF_V2
from freezer_reference.operations import GENERAL_ERRORS, Operation, operations
from tests.docs import console
from tests.functional.notation import load, requests
from tests.support.service import Service

DIRECTORY = console.ROOT / "doc" / "source" / "api"
PAGES = [DIRECTORY / f"{name}.rst" for name in ("clients", "jobs", "actions", "sessions", "backups", "search")]
"""The pages, in the order in which the examples are run."""

_SECTION = re.compile(r"\.\. freezer-operation:: (\w+) (\S+)\n(.*?)(?=\n=+\n|\Z)", re.DOTALL)
OPERATIONS = list(operations())
WITH_BODY = [one for one in OPERATIONS if one.body is not None and one.route.handler != "search"]


def _name(one: Operation) -> str:
    return f"{one.version} {one.route.method} {one.route.path}"


def test_examples_print_output_of_pages(service: Service) -> None:
    run, address = console.Run(), service.url.removeprefix("http://")
    for page in PAGES:
        for command in itertools.chain.from_iterable(map(console.commands, console.blocks(page.read_text()))):
            printed = console.normalised(run.printed(command, address))
            assert printed == console.normalised(command.output), (page.name, command.lines)


def _sections() -> dict[tuple[str, str], list[str]]:
    """Return the text of the pages for each route."""
    found = defaultdict(list)
    for page in PAGES:
        for method, path, text in _SECTION.findall(page.read_text()):
            found[method, path].append(text)
    return found


def test_each_route_has_one_section() -> None:
    sections = _sections()
    assert {(route.method, route.path) for route in ROUTES_OF_V2} == sections.keys()
    assert all(len(texts) == 1 for texts in sections.values())


@pytest.mark.parametrize(("method", "path"), [(route.method, route.path) for route in ROUTES_OF_V2])
def test_route_has_example(method: str, path: str) -> None:
    (text,) = _sections()[method, path]
    url = re.sub(r"\\\{\w+\\\}", r"[\\w-]+", re.escape(path))
    pattern = rf"curl -X {method} '?localhost:9090/v[12](/demo)?{url}['? \n]"
    assert re.search(pattern if method != "GET" else pattern.replace("-X GET ", "(-X GET )?"), text)


def _recorded() -> dict[tuple[str, str], set[int]]:
    """Return, for each route, the statuses in recorded requests."""
    found = defaultdict(set)
    patterns = [
        (route, re.compile(re.sub(r"\{\w+\}", r"[^/?]+", route.path) + r"/?(\?.*)?")) for route in ROUTES_OF_V2
    ]
    for method, path, status in itertools.chain.from_iterable(map(requests, load())):
        for route, pattern in patterns:
            if route.method == method and pattern.fullmatch(path):
                found[method, route.path].add(status)
    return found


def test_documented_statuses_are_those_of_recorded_requests() -> None:
    """Every documented status was recorded, and every other recorded status is a general error."""
    recorded = _recorded()
    for one in OPERATIONS:
        seen = recorded[one.route.method, one.route.path]
        special = {one.status, *one.errors}
        assert special <= seen, _name(one)
    for route in ROUTES_OF_V2:
        here = [one for one in OPERATIONS if (one.route.method, one.route.path) == (route.method, route.path)]
        documented = {status for one in here for status in (one.status, *one.errors)}
        assert recorded[route.method, route.path] <= documented | GENERAL_ERRORS.keys(), route


_ACCEPT = {
    "backups": {"create": "backup"},
    "clients": {"create": "client"},
    "actions": {"create": "action", "put": "action", "patch": "action_patch"},
    "jobs": {"create": "job", "put": "job", "patch": "job_patch"},
    "sessions": {"create": "session", "put": "session_replacement"},
}
_ACCEPT_PATCH = {"backups": backups.patch_of, "clients": clients.patch_of, "sessions": sessions.patch_of}
"""Patches that both versions accept."""
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
    ("jobs", "job_id"): "only v2 reads it",
    ("jobs", "job_actions"): "an item needs a definition or an id, beyond the schema",
    ("jobs", "0"): "the same",
    ("jobs", "freezer_action"): "null means absent",
    ("actions", "freezer_action"): "null means absent, and in v1 other keys may replace it",
    ("actions", "action_id"): "only a create uses it",
    ("clients", "is_central"): "a PATCH drops it",
    ("clients", "client_id"): "a PATCH drops it",
}
"""Properties for which the service checks more than their schema, and the reason."""


def _accepts(one: Operation, body: Any) -> bool:
    try:
        if one.route.handler == "event":
            return jobs.event_of(body) in jobs.EVENTS
        if one.route.handler == "act":
            return sessions.action_of(body) is not None
        if one.route.handler == "patch" and one.route.resource in _ACCEPT_PATCH:
            return _ACCEPT_PATCH[one.route.resource](body) is not None
        getattr(V1 if one.version == "v1" else V2, _ACCEPT[one.route.resource][one.route.handler])(body)
    except Invalid:
        return False
    return True


def _mutations(document: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name of a property, and the document with that property replaced, removed or added."""
    places = document.items() if isinstance(document, dict) else enumerate(document)
    for place, value in list(places):
        for odd in ODD:
            yield str(place), _with(document, place, odd)
        if isinstance(document, dict):
            yield str(place), {key: inner for key, inner in document.items() if key != place}
        if isinstance(value, (dict, list)):
            for name, inner in _mutations(value):
                yield name, _with(document, place, inner)
    if isinstance(document, dict):
        yield "odd", {**document, "odd": 1}


def _with(document: Any, place: Any, value: Any) -> Any:
    changed = copy.deepcopy(document)
    changed[place] = value
    return changed


@pytest.mark.parametrize("one", [one for one in WITH_BODY if one.route.handler not in ("event", "act")], ids=_name)
def test_schema_accepts_same_bodies_as_service(one: Operation) -> None:
    """A mutated body violates the documented schema if and only if the service refuses it."""
    validator = Draft4Validator(one.body)
    tried = refused = 0
    valid = VALID[one.route.resource] if "PATCH /backups" not in _name(one) else PATCH_OF_A_BACKUP
    for name, body in _mutations(valid):
        fits = validator.is_valid(body)
        if (one.route.resource, name) in _REST:
            continue
        tried += 1
        refused += not fits
        assert _accepts(one, body) == fits, body
    assert tried > refused > 10


@pytest.mark.parametrize("one", [one for one in WITH_BODY if one.route.handler in ("event", "act")], ids=_name)
def test_schema_accepts_same_actions_as_service(one: Operation) -> None:
    assert one.body is not None
    valid = {word: {"job_id": "j", "current_tag": 1, "result": "fail"} for word in one.body["properties"]}
    validator, results = Draft4Validator(one.body), set()
    for body in [*({word: request} for word, request in valid.items()), valid, {}, {"odd": None}]:
        results.add(validator.is_valid(body))
        assert _accepts(one, body) == validator.is_valid(body), body
    assert results == {True, False}
