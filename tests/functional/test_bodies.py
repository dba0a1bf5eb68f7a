# SPDX-License-Identifier: Apache-2.0
"""Bodies that are large or deep, and long headers."""

import gzip
import json
import re

import pytest
from oslo_config import cfg

from tests.functional.client import Client

pytestmark = pytest.mark.any_store

BACKUP = {"container": "c", "hostname": "h", "backup_name": "b"}
CHUNKED = {"Transfer-Encoding": "chunked"}


def _of_size(size: int) -> bytes:
    text = json.dumps({**BACKUP, "fill": ""})
    return text.replace('"fill": ""', f'"fill": "{"x" * (size - len(text))}"').encode()


class TestSize:
    @pytest.fixture(autouse=True)
    def small(self, conf: cfg.ConfigOpts) -> None:
        conf.set_override("max_body_size", 2000, group="api")

    @pytest.mark.parametrize("headers", [{}, CHUNKED])
    def test_body_over_limit_is_413_fault_14(self, client: Client, headers: dict[str, str]) -> None:
        assert client("POST", "backups", _of_size(2000), headers=headers).status == 201
        refused = (413, "Request entity too large", "The body may have at most 2000 bytes")
        assert client("POST", "backups", _of_size(2001), headers=headers).error == refused
        assert client("POST", "backups", b"x" * 100_000, headers=headers).error == refused
        assert client("GET", "backups", b"x" * 2001, headers=headers).error == refused
        assert client("PATCH", "jobs/x", b"x" * 2001, headers=headers).error == refused
        assert client("POST", "jobs/x/event", b"x" * 2001, headers=headers).error == refused

    def test_size_is_checked_after_parameters_and_before_content(self, client: Client) -> None:
        assert client("GET", "backups?limit=x", b"x" * 2001).json["title"] == "Invalid parameter"
        assert client("GET", "backups", b"x" * 2001).status == 413
        assert client("POST", "backups", b"x" * 2001, by="alice@library reader").status == 403


def test_body_of_1_mib_is_accepted_by_default(client: Client) -> None:
    assert client("POST", "backups", _of_size(1024 * 1024)).status == 201
    assert client("POST", "backups", _of_size(1024 * 1024 + 1)).status == 413


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("headers", [{}, CHUNKED])
def test_byte_order_mark_is_skipped(client: Client, headers: dict[str, str]) -> None:
    body = json.dumps(BACKUP).encode()
    assert client("POST", "backups", BOM + body, headers=headers).status == 201
    found = client("GET", "backups", BOM + b'{"match": [{"hostname": "h"}]}', headers=headers)
    assert len(found.json["backups"]) == 1
    assert client("POST", "clients", BOM + b'{"client_id": "c"}', headers=headers).status == 201
    job = client("POST", "jobs", {"client_id": "c", "job_actions": []}).json["job_id"]
    assert client("PATCH", f"jobs/{job}", BOM + b'{"description": "d"}', headers=headers).status == 200
    assert client("POST", f"jobs/{job}/event", BOM + b'{"start": null}', headers=headers).status in (200, 202)
    # A mark alone is treated as no body, and a second mark is not valid JSON.
    assert client("POST", "backups", BOM, headers=headers).error[2] == "Missing request body"
    assert client("GET", "backups", BOM, headers=headers).status == 200
    assert client("POST", "backups", BOM + BOM + body, headers=headers).json["title"] == "Malformed JSON"
    assert client("POST", "backups", body.decode().encode("utf-16"), headers=headers).status == 400


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "identity, gzip", "x", "*"])
def test_content_encoding_is_415(client: Client, coding: str) -> None:
    headers = {"Content-Encoding": coding}
    text = "The header Content-Encoding is not supported; send the body without encoding"
    refused = (415, "Unsupported Media Type", text)
    for method, path in (
        ("POST", "backups"),
        ("GET", "backups"),
        ("PATCH", "jobs/x"),
        ("POST", "jobs/x/event"),
        ("POST", "sessions/x/action"),
    ):
        assert client(method, path, gzip.compress(b"{}"), headers=headers).error == refused
        assert client(method, path, b"{}", headers=headers | CHUNKED).error == refused


def test_content_encoding_is_checked_between_size_and_content(client: Client) -> None:
    headers = {"Content-Encoding": "gzip"}
    for framing in ({}, CHUNKED):
        assert client("POST", "backups", b"x" * 1024 * 1025, headers=headers | framing).status == 413
        assert client("POST", "backups", b"no JSON", headers=headers | framing).status == 415
    assert client("GET", "backups?limit=x", b"{}", headers=headers).status == 400
    assert client("POST", "backups", b"{}", by="alice@library reader", headers=headers).status == 403


@pytest.mark.parametrize("coding", ["", "identity", "Identity"])
def test_content_encoding_identity_is_accepted(client: Client, coding: str) -> None:
    assert client("POST", "backups", BACKUP, headers={"Content-Encoding": coding}).status == 201


def test_content_encoding_without_a_body_is_ignored(client: Client) -> None:
    headers = {"Content-Encoding": "gzip"}
    assert client("GET", "backups", headers=headers).status == 200
    assert client("GET", "backups", b"", headers=headers | CHUNKED).status == 200
    assert client("DELETE", "backups/x", headers=headers).status in (204, 404)


def _nested(depth: int, opening: str, closing: str) -> bytes:
    """``BACKUP`` is the first level."""
    return json.dumps(BACKUP)[:-1].encode() + f', "deep": {opening * depth}1{closing * depth}}}'.encode()


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a": ', "}"), ('[{"a": ', "}]")])
def test_64_levels_are_stored_and_200_levels_are_400(client: Client, opening: str, closing: str) -> None:
    per_step = opening.count("[") + opening.count("{")
    kept = _nested(63 // per_step, opening, closing)
    created = client("POST", "backups", kept)
    assert created.status == 201
    backup = client("GET", f"backups/{created.json['backup_id']}").json
    assert backup["backup_metadata"] == json.loads(kept)
    for depth in (200, 990, 5_000, 100_000):
        answer = client("POST", "backups", _nested(depth, opening, closing))
        assert (answer.status, answer.json["title"]) == (400, "Malformed JSON")
    assert client("GET", "backups", b'{"match": ' + b"[" * 50_000).status == 400
    assert client("GET", "backups").json["backups"][1:] == []


@pytest.mark.parametrize("number", ["9" * 1000, "-" + "9" * 1000, "0." + "1" * 999])
def test_number_of_1000_digits_is_stored(client: Client, number: str) -> None:
    created = client("POST", "backups", json.dumps(BACKUP)[:-1].encode() + f', "n": {number}}}'.encode())
    assert created.status == 201
    backup = client("GET", f"backups/{created.json['backup_id']}").json
    assert backup["backup_metadata"]["n"] == json.loads(number)


@pytest.mark.parametrize("number", ["9" * 1001, "-" + "9" * 5000, "9" * 100_000, "0." + "1" * 1001])
def test_number_above_1000_digits_is_400(client: Client, number: str) -> None:
    answer = client("POST", "backups", json.dumps(BACKUP)[:-1].encode() + f', "n": {number}}}'.encode())
    assert (answer.status, answer.json["title"]) == (400, "Malformed JSON")


@pytest.mark.parametrize("sent", ["a" * 255, "req-" + "a" * 251, "a" * 252])
def test_request_id_of_255_characters_is_returned(client: Client, sent: str) -> None:
    answer = client("GET", "jobs", headers={"X-Openstack-Request-ID": sent})
    assert answer.headers["x-openstack-request-id"] == "req-" + sent.removeprefix("req-")


@pytest.mark.parametrize("sent", ["a" * 256, "req-" + "a" * 252])
def test_request_id_above_255_characters_is_replaced(client: Client, sent: str) -> None:
    answer = client("GET", "jobs", headers={"X-Openstack-Request-ID": sent})
    assert len(answer.headers["x-openstack-request-id"]) == len("req-") + 36


@pytest.mark.parametrize(("length", "shown"), [(255, 255), (256, 255), (5000, 255)])
def test_error_contains_only_the_start_of_a_long_id(client: Client, length: int, shown: int) -> None:
    answer = client("GET", f"jobs/{'x' * length}")
    assert answer.status == 404
    rest = "x" * shown + "..." * (length > shown)
    assert answer.json["description"] == f"No document found with ID {rest}"


@pytest.mark.parametrize("kind", ["jobs", "actions", "sessions"])
def test_id_over_255_characters_is_400(client: Client, kind: str) -> None:
    assert client("POST", "clients", {"client_id": "node1"}).status == 201
    bodies = {
        "jobs": {"client_id": "node1", "job_actions": []},
        "actions": {"freezer_action": {"action": "backup"}},
        "sessions": {"session_tag": 0, "schedule": {}},
    }
    body = bodies[kind]
    assert client("POST", f"{kind}/{'x' * 255}", body).status == 201
    assert client("GET", f"{kind}/{'x' * 255}").status == 200
    assert client("POST", f"{kind}/{'x' * 256}", body).status == 400


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_bodies_and_tokens_are_not_logged_fault_16(
    client: Client, caplog: pytest.LogCaptureFixture, level: str
) -> None:
    caplog.set_level(level)
    action = {"freezer_action": {"action": "backup", "encryption_password": "tulip"}}
    job = {"client_id": "node1", "job_actions": [action]}
    client("POST", "clients", {"client_id": "node1"}, by="alice@rosegarden")
    for path, body in (("actions", action), ("jobs", job), ("jobs", {**job, "tulip": 1}), ("jobs", b'{"tulip"')):
        client("POST", path, body, by="alice@rosegarden")
    client("GET", 'jobs?search={"match":[{"_all":"tulip"}]}')
    assert re.search("POST /(v1|v2/rosegarden)/jobs 201", caplog.text)
    assert "tulip" not in caplog.text
    assert "alice:rosegarden" not in caplog.text
