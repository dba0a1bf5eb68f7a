# SPDX-License-Identifier: Apache-2.0
"""Check that scenarios fail if the response is not the expected one."""

from typing import Any

import pytest
import yaml

from tests.functional.client import Client
from tests.functional.notation import Mismatch, Scenario, _Loader
from tests.functional.versions import V1, Version

pytestmark = pytest.mark.any_store


@pytest.fixture
def version() -> Version:
    return V1


CLIENT = "client_id: node1, uuid: u1, flag: true, list: [1, 2], deep: {a: 1, b: 2}"
ANSWER = f"{{client: {{{CLIENT}}}, uuid: u1, user_id: alice, _version: 1}}"
BEFORE = f"- POST clients: {{{CLIENT}}}\n  201: !any\n"


def _hold(client: Client, text: str) -> None:
    steps: list[dict[Any, Any]] = yaml.load(BEFORE + text, _Loader)
    Scenario("", steps).run(client)


@pytest.mark.parametrize(
    "expected",
    [
        ANSWER,
        "!any",
        "$whole",
        "!part {client: {deep: {a: 1}}}",
        "!part {client: {deep: {c: !absent }, list: !count 2}}",
        "!part {client: !part {uuid: !match 'u[0-9]'}, _version: !int }",
        "!part {client: {deep: {a: $n}}, _version: $n}",
        "!part {uuid: $u, client: {uuid: $u}}",
        "!part {client: {list: !has [2]}}",
    ],
)
def test_matching_expectation_passes(client: Client, expected: str) -> None:
    _hold(client, f"- GET clients/node1:\n  200: {expected}\n")


@pytest.mark.parametrize(
    "expected",
    [
        "",
        "{}",
        "text",
        ANSWER.replace("b: 2", "b: 2, c: 3"),
        ANSWER.replace(", b: 2", ""),
        ANSWER.replace("b: 2", "b: 3"),
        ANSWER.replace("b: 2", "b: '2'"),
        ANSWER.replace("true", "1"),
        ANSWER.replace("_version: 1", "_version: true"),
        ANSWER.replace("[1, 2]", "[2, 1]"),
        ANSWER.replace("[1, 2]", "[1]"),
        ANSWER.replace("[1, 2]", "{}"),
        "!part {client: {deep: {a: 1, c: 1}}}",
        "!part {client: {deep: {a: !absent }}}",
        "!part {client: {list: !count 3}}",
        "!part {client: {list: !has [3]}}",
        "!part {uuid: !match 'u'}",
        "!part {uuid: !id }",
        "!part {uuid: !int }",
        "!part {_version: !now }",
        "!part {client: {deep: {a: $n, b: $n}}}",
    ],
)
def test_wrong_value_is_a_mismatch(client: Client, expected: str) -> None:
    with pytest.raises(Mismatch):
        _hold(client, f"- GET clients/node1:\n  200: {expected}\n")


@pytest.mark.parametrize(
    "step",
    [
        "- GET clients/node1:\n  201: !any",
        "- GET clients/node2:\n  404: Not Found",
        "- GET clients/node2:\n  404: Not Found - No document found with ID node1",
        "- GET clients/node2:\n  404: !match 'Not.*node1'",
        "- GET clients/node1:\n  200: !any\n  headers: {Content-Type: text/plain}",
        "- GET clients/node1:\n  200: !any\n  headers: {Content-Type: null}",
        "- each: [node1, node2]\n  GET clients/$1:\n  200: !any",
        "- GET clients/node1:\n  by: bob\n  200: !any",
        "- GET clients/node1:\n  with: {Accept: text/html}\n  200: !any",
    ],
)
def test_wrong_response_is_a_mismatch(client: Client, step: str) -> None:
    with pytest.raises(Mismatch):
        _hold(client, step)


def test_duplicate_key_is_an_error(client: Client) -> None:
    with pytest.raises(AssertionError, match="twice"):
        _hold(client, "- GET clients/node1:\n  by: bob\n  by: alice\n  200: !any")


def test_plain_scalars_are_parsed_as_json() -> None:
    text = "[2020-01-01, yes, no, on, 0x10, 010, 1_000, 1:30, 1e3, .5, null, true, 7, -1, 1.5e3, '1']"
    assert yaml.load(text, _Loader) == [
        *("2020-01-01", "yes", "no", "on", "0x10", "010", "1_000", "1:30", "1e3", ".5"),
        *(None, True, 7, -1, 1500.0, "1"),
    ]
