# SPDX-License-Identifier: Apache-2.0
"""Random requests: no response is 5xx, errors have one form, and stored documents are returned unchanged."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.http_client import connect, send
from tests.support.service import Service

pytestmark = pytest.mark.any_store

EXAMPLES = int(os.environ.get("FREEZER_TEST_FUZZ", settings().max_examples * 5))
"""Number of random examples for each test."""

FUZZ = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))

VALID: dict[str, dict[str, Any]] = {
    "backups": {"container": "c", "hostname": "h", "backup_name": "b", "time_stamp": 1459349846, "ssh_port": ""},
    "clients": {"client_id": "c1", "hostname": "h", "supported_modes": ["fs"], "client": {"a": 1}},
    "actions": {"freezer_action": {"action": "backup", "mode": "fs"}, "max_retries": 3, "mandatory": True},
    "jobs": {
        "client_id": "c1",
        "job_actions": [{"freezer_action": {"action": "backup"}, "max_retries": 1}],
        "job_schedule": {"schedule_interval": "1 days", "status": "scheduled"},
        "session_tag": 1,
    },
    "sessions": {"schedule": {"schedule_interval": "1 hours"}, "hold_off": 30, "session_tag": 0, "jobs": {}},
}
ODD = ("", "\x00", "a..b", "$where", "_id", "\ud7ff\U0001f600", "x" * 3000, "..", "%2e%2e", "a/b", "\n", "İ")
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(ODD)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
)
words = st.sampled_from([*ODD, "status", "client_id", "job_schedule.status", "_all", "jobs", "time_stamp"])


@st.composite
def mutated(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Return a valid document in which some values are replaced, added or removed."""
    document = json.loads(json.dumps(VALID[kind]))
    for _ in range(draw(st.integers(0, 3))):
        place: Any = document
        while isinstance(place, dict) and place and draw(st.booleans()):
            below = place[draw(st.sampled_from(sorted(place)))]
            if not isinstance(below, dict):
                break
            place = below
        key = draw(st.sampled_from([*place, "extra"]) | words | st.text(max_size=5))
        if key in place and draw(st.booleans()):
            del place[key]
        else:
            place[key] = draw(values)
    return document


@pytest.fixture(scope="module")
def connection(service: Service) -> Iterator[HTTPConnection]:
    with closing(connect(service.url)) as connection:
        yield connection


def ask(connection: HTTPConnection, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    answer = send(connection, method, path, body if isinstance(body, bytes | None) else json.dumps(body).encode())
    assert answer.status < 500, answer
    shown = answer.json() if answer.body else None
    if answer.status >= 400:
        answer.refusal()
        assert len(shown["description"].splitlines()) == 1, answer
    return answer.status, shown


@pytest.mark.parametrize("kind", VALID)
def test_random_documents_are_stored_unchanged_or_refused(connection: HTTPConnection, kind: str) -> None:
    @FUZZ
    @given(mutated(kind), values)
    def check(document: dict[str, Any], patch: Any) -> None:
        status, created = ask(connection, "POST", f"/v1/{kind}", document)
        assert status in (201, 400, 409, 422), created
        if status != 201:
            return
        (id_,) = created.values()
        path = f"/v1/{kind}/{quote(id_, safe='')}"
        status, shown = ask(connection, "GET", path)
        assert status == 200
        kept = {"backups": "backup_metadata", "clients": "client"}.get(kind)
        if kept == "backup_metadata":
            assert json.dumps(shown[kept], sort_keys=True) == json.dumps(document, sort_keys=True)
        ask(connection, "PATCH", path, patch)
        ask(connection, "POST", path, document)
        ask(connection, "POST", f"{path}/event", patch)
        ask(connection, "POST", f"{path}/action", patch)
        assert ask(connection, "DELETE", path)[0] in (204, 405)

    check()


@FUZZ
@given(st.sampled_from(sorted(VALID)), st.dictionaries(words, values, max_size=3), st.integers(0, 4), values)
def test_random_searches_are_answered_or_refused(
    connection: HTTPConnection, kind: str, pairs: dict[str, Any], form: int, other: Any
) -> None:
    search = [
        {"match": [pairs]},
        {"match_not": [pairs]},
        {"match": [{"_all": json.dumps([pairs])}], "time_after": other},
        {"match": other, "time_before": other},
        other,
    ][form]
    status, _ = ask(connection, "GET", f"/v1/{kind}", search)
    assert status in (200, 400)
    path = f"/v1/{kind}?with_count=1&search={quote(json.dumps(search))}"
    if len(path) < 8000:
        assert ask(connection, "GET", path)[0] == status


@FUZZ
@given(
    st.sampled_from(sorted(VALID)),
    st.sampled_from(["limit", "offset", "marker", "with_count", "search", "x"]),
    st.text(max_size=30) | st.integers().map(str) | st.sampled_from(["9" * 5000, "1,2", "-1", "0", "1e3", "٣"]),
)
def test_random_parameters_are_accepted_or_400(
    connection: HTTPConnection, kind: str, name: str, value: str
) -> None:
    assert ask(connection, "GET", f"/v1/{kind}?{name}={quote(value)}")[0] in (200, 400)


@FUZZ
@given(
    st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"]),
    st.lists(
        st.sampled_from(
            ["v1", *VALID, "event", "action", "%00", "%2F", "..", "%FF%FE", "x" * 300, "%C3%A9", "%0A"]
        ),
        max_size=5,
    ),
    st.binary(max_size=40) | st.sampled_from([b"[" * 5000, b'{"a":' * 2000, b"\xff\xfe", b"NaN", b'{"a":1e400}']),
)
def test_random_paths_and_bodies_cause_no_server_error(
    connection: HTTPConnection, method: str, parts: list[str], body: bytes
) -> None:
    ask(connection, method, "/v1/" + "/".join(parts), body)
