from typing import Any

import pytest

from freezer_api.documents import clients
from freezer_api.errors import Invalid, Unprocessable

from .json_values import is_identical, unchanged

FULL = {
    "client_id": "p1_host1",
    "hostname": "host1.dom",
    "description": "d",
    "uuid": "id1",
    "config_id": "x",
    **{name: list(values) for name, values in clients.CAPABILITIES.items()},
}


@pytest.mark.parametrize(
    ("body", "client"),
    [
        ({"client_id": "h"}, {"client_id": "h"}),
        (FULL, FULL),
        ({**FULL, "_version": 4}, FULL),
        ({**FULL, "description": None, "hostname": None, "uuid": None, "is_central": "yes", "client": {"a": 1}},)
        * 2,
        ({"client_id": "h", "supported_modes": []},) * 2,
    ],
)
def test_accepts(body: Any, client: Any) -> None:
    with unchanged(body):
        assert is_identical(clients.accepted(body), client)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "'client_id' is a required property"),
        ({"client_id": None}, "null is not of type 'string' at client_id"),
        ({"client_id": "bad%x_host"}, "'bad%x_host' is not valid"),
        ({"client_id": "h\n"}, r"'h\n' is not valid"),
        ({"client_id": "h" * 63 + ".h" * 97}, "... is longer than 255 characters at client_id"),
        ({"client_id": "h", "hostname": "bad host!"}, "'bad host!' is not valid"),
        ({"client_id": "h", "supported_actions": ["backup", "fly"]}, "'fly' is not one of 'backup', 'restore'"),
        ({"client_id": "h", "supported_modes": "fs"}, "'fs' is not of type 'array' at supported_modes"),
        ({"client_id": "h", "supported_engines": None}, "null is not of type 'array'"),
        ({"client_id": "h", "description": 5}, "5 is not of type 'string', 'null' at description"),
    ],
)
def test_refuses(body: Any, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        clients.accepted(body)
    assert message in str(caught.value)


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
def test_a_patch_comes_bare_or_wrapped(body: Any, patch: Any) -> None:
    with unchanged(body):
        assert clients.patch_of(body) == patch


@pytest.mark.parametrize("patch", [{"hostname": "!!"}, {"supported_storages": ["tape"]}, {"description": 1}])
def test_a_patch_is_checked(patch: Any) -> None:
    for body in (patch, {"client": patch}):
        with pytest.raises(Invalid):
            clients.patch_of(body)


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
def test_a_client_can_do_what_it_announced(client: Any, definition: Any) -> None:
    clients.check_capabilities(client, [{}, definition])


@pytest.mark.parametrize(
    ("key", "value", "told"),
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
def test_a_client_cannot_do_what_it_did_not_announce(key: str, value: Any, told: str) -> None:
    with pytest.raises(Unprocessable) as caught:
        clients.check_capabilities(LIMITED, [{}, {key: value}])
    assert str(caught.value) == f"Client c1 does not support {told}"
