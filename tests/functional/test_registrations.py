# SPDX-License-Identifier: Apache-2.0
"""Concurrent registrations of one client by v1, v2 and as a central client: one client exists afterwards.

Seeds select the orders of calls to the store, which are the same in every run.
"""

from functools import partial
from typing import Any

import pytest
from oslo_config import cfg

from freezer_api.repository.protocol import Repository
from tests.functional.client import Answer, Client
from tests.functional.conftest import Identity, app
from tests.functional.versions import V1, in_v1
from tests.support.disturbed import Disturbed, Killed, killed
from tests.support.interleaved import Interleaved
from tests.support.needs import on

pytestmark = in_v1

BY = "alice@library service,member"


def registration(path: str, **more: Any) -> tuple[str, dict[str, Any]]:
    return path, {"client_id": "$", "hostname": "host", **more}


FIRST = registration("/v1/clients", hostname="v1", description="v1", supported_modes=["fs"])
SECOND = registration("/v2/library/clients", hostname="v2", description="v2")
CENTRAL = registration("/v2/library/clients", hostname="central", description="central", is_central=True)

CASES = {
    "v1 and v2": [FIRST, SECOND],
    "v2 and v1": [SECOND, FIRST],
    "twice in both": [FIRST, SECOND, FIRST, SECOND],
    "v1 and central": [FIRST, CENTRAL],
    "v2 and central": [SECOND, CENTRAL],
    "all": [FIRST, SECOND, CENTRAL],
}


def register(client: Client, path: str, body: dict[str, Any], client_id: str) -> Answer:
    return client("POST", path, {**body, "client_id": client_id}, by=BY)


def listed(client: Client, client_id: str) -> list[dict[str, Any]]:
    """Return the client as v1 and v2 list it."""
    found = []
    for path in ("/v1/clients", "/v2/library/clients"):
        answer = client("GET", path, {"match": [{"client_id": client_id}]}, by=BY)
        assert len(answer.json["clients"]) == 1, (path, answer.json)
        found.append(answer.json["clients"][0]["client"])
    assert found[0]["uuid"] == found[1]["uuid"]
    return found


@pytest.mark.parametrize("engine", on("sqlite"))
@pytest.mark.parametrize(
    "orders", [range(8), pytest.param(range(300), marks=pytest.mark.slow)], ids=["few", "many"]
)
@pytest.mark.parametrize("case", CASES)
def test_simultaneous_registrations_leave_one_client(
    conf: cfg.ConfigOpts, repository: Repository, identity: Identity, case: str, orders: range
) -> None:
    store = Interleaved(repository)
    client = Client(app.build_standalone(conf, store), V1, identity)
    for order in orders:
        client_id = f"node{order}"
        works = [partial(register, client, path, body, client_id) for path, body in CASES[case]]
        answers = store.at_once(order, works)
        by_v1 = [answer.status for answer, (path, _) in zip(answers, CASES[case], strict=True) if "v1" in path]
        by_v2 = [answer.status for answer, (path, _) in zip(answers, CASES[case], strict=True) if "v2" in path]
        assert set(by_v2) == {201}, order
        assert set(by_v1) <= {201, 409}, order
        assert by_v1.count(201) <= 1, order
        shown, shown_in_v2 = listed(client, client_id)
        assert shown_in_v2["is_central"] is (CENTRAL in CASES[case]), order
        if case == "v1 and v2":
            # The result is that of one of the two orders: v1's client with the description of v2, or v2's client.
            assert shown["description"] == "v2", order
            assert shown["hostname"] == ("v1" if by_v1 == [201] else "v2"), order
            assert ("supported_modes" in shown) is (by_v1 == [201]), order


@pytest.fixture
def disturbed(repository: Repository) -> Disturbed:
    return Disturbed(repository)


@pytest.fixture
def client(conf: cfg.ConfigOpts, disturbed: Disturbed, identity: Identity) -> Client:
    return Client(app.build_standalone(conf, disturbed), V1, identity)


@pytest.fixture
def rival(conf: cfg.ConfigOpts, repository: Repository, identity: Identity) -> Client:
    return Client(app.build_standalone(conf, repository), V1, identity)


@pytest.mark.parametrize("again", [FIRST, SECOND], ids=["v1", "v2"])
@pytest.mark.parametrize(("killed_one", "other"), [(FIRST, SECOND), (SECOND, FIRST)], ids=["v1", "v2"])
@pytest.mark.parametrize("moment", ["after create", "before delete"])
def test_next_registration_completes_a_killed_registration(
    client: Client, disturbed: Disturbed, rival: Client, killed_one: Any, other: Any, again: Any, moment: str
) -> None:
    disturbed.before("create", "clients", lambda: register(rival, *other, "node1"))
    when, method = moment.split()
    getattr(disturbed, when)(method, "clients", killed)
    with pytest.raises(Killed):
        register(client, *killed_one, "node1")
    assert len(rival("GET", "/v1/clients", by=BY).json["clients"]) == 2

    assert register(rival, *again, "node1").status == (409 if again is FIRST else 201)
    shown, _ = listed(rival, "node1")
    assert shown["hostname"] == other[1]["hostname"]


def test_registration_retries_when_the_other_client_changes(
    client: Client, disturbed: Disturbed, rival: Client
) -> None:
    disturbed.before("create", "clients", lambda: register(rival, *FIRST, "node1"))
    disturbed.before("delete", "clients", lambda: rival("PATCH", "/v1/clients/node1", {"hostname": "h"}, by=BY))
    assert register(client, *SECOND, "node1").status == 201
    shown, _ = listed(rival, "node1")
    assert (shown["hostname"], shown["description"]) == ("h", "v2")


def test_user_keeps_v1_client_beside_client_of_another_user(client: Client) -> None:
    assert client("POST", "/v2/library/clients", {"client_id": "node1"}, by="bob@library").status == 201
    for _ in range(2):
        client("POST", "/v1/clients", {"client_id": "node1"}, by="alice@library")
    assert client("POST", "/v2/library/clients", {"client_id": "node1"}, by="bob@library").status == 201
    assert len(client("GET", "/v1/clients", by="alice@library").json["clients"]) == 1
    assert len(client("GET", "/v2/library/clients", by="alice@library").json["clients"]) == 2
