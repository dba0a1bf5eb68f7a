# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from freezer_api.documents import clients
from freezer_api.errors import Unprocessable

from .json_values import unchanged

SERVED = {
    "client_id": "other",
    "uuid": "x",
    "user_id": "u2",
    "project_id": "p2",
    "is_central": True,
    "_version": 3,
}


@pytest.mark.parametrize(
    ("body", "patch"),
    [
        ({}, {}),
        ({"client": {}}, {}),
        ({"description": "new", "free": 1}, {"description": "new", "free": 1}),
        ({"client": {"description": "new"}}, {"description": "new"}),
        ({"client": {"description": "new", **SERVED}, "free": 1, **SERVED}, {"free": 1, "description": "new"}),
        ({"client": {"client": {"a": 1}}}, {"client": {"a": 1}}),
        ({"client": "a free key"}, {"client": "a free key"}),
    ],
)
def test_patch_may_be_wrapped_in_the_key_client(body: Any, patch: Any) -> None:
    with unchanged(body):
        assert clients.patch_of(body) == patch


LIMITED = {
    "client_id": "c1",
    "supported_actions": ["backup"],
    "supported_modes": ["fs"],
    "supported_storages": ["swift"],
    "supported_engines": ["tar"],
}


@pytest.mark.parametrize(
    ("client", "definition"),
    [
        ({"client_id": "c1"}, {"action": "fly", "mode": "x", "storage": "y", "engine": "z"}),
        ({"client_id": "c1", "supported_actions": [], "supported_modes": None}, {"action": "fly", "mode": "x"}),
        (LIMITED, {"action": "backup", "mode": "fs", "storage": "swift", "engine": "tar", "engine_name": "tar"}),
        (LIMITED, {"action": None, "mode": "", "storage": False, "other": "x"}),
        (LIMITED, {}),
    ],
)
def test_announced_capabilities_are_accepted(client: Any, definition: Any) -> None:
    clients.check_capabilities(client, [{}, definition])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("action", "restore", "action: restore"),
        ("mode", "nova", "mode: nova"),
        ("storage", "s3", "storage: s3"),
        ("engine", "rsync", "engine: rsync"),
        ("engine_name", "rsync", "engine: rsync"),
        ("storage", ["swift"], "storage: the given value"),
        ("storage", True, "storage: the given value"),
        ("storage", 0, "storage: the given value"),
        ("engine_name", "a\nb", "engine: a\\nb"),
        ("engine", "x" * 1000, f"engine: {'x' * 100}..."),
    ],
)
def test_other_capabilities_are_refused(key: str, value: Any, message: str) -> None:
    with pytest.raises(Unprocessable) as caught:
        clients.check_capabilities(LIMITED, [{}, {key: value}])
    assert str(caught.value) == f"Client c1 does not support {message}"
