# SPDX-License-Identifier: Apache-2.0
"""A small deployment of the original: rows of its tables, the same as search hits, and the imported documents.

Ann uses v1, so her documents have no project; Bob uses v2 in the project ``red``.
"""

from typing import Any

from tests.compat.legacy.original import SUPPORTED, Json, Row, Rows, row, tables

ANN = {"user_id": "ann", "project_id": None}
BOB = {"user_id": "bob", "project_id": "red"}

DEFINITION = {
    "action": "backup",
    "mode": "fs",
    "path_to_backup": "/etc",
    "storage": "local",
    "encryption_password": "x",
}
OTHER = {"action": "exec", "command": "sync", "log_file": ""}
SCHEDULE = {"schedule_interval": "1 days", "status": "scheduled", "event": "", "time_created": 1577836800}
METADATA = {
    "backup_name": "etc",
    "container": "c",
    "hostname": "web1",
    "time_stamp": 1577840000,
    "ssh_port": "",
    "x": None,
}


def _action(id_: str, owner: Row, definition: dict[str, Any], **columns: Any) -> Row:
    usual = {"max_retries": 5, "max_retries_interval": 6, "mandatory": 0, "backup_metadata": Json(definition)}
    named = {key: definition.get(key) for key in ("action", "backup_name", "container", "timeout", "priority")}
    mode, path = definition.get("mode"), definition.get("path_to_backup")
    forms = {"mode": mode, "actionmode": mode, "src_file": path, "path_to_backup": path}
    return row(id_, **owner, **named, **forms, log_file=definition.get("log_file"), **{**usual, **columns})


def _item(id_: str, owner: Row, definition: dict[str, Any], **retries: Any) -> dict[str, Any]:
    return {"action_id": id_, **given(owner), **retries, "freezer_action": definition}


def given(row_: Row) -> Row:
    """Return the columns that have a value."""
    return {name: value for name, value in row_.items() if value is not None}


FIRST = _item("a1", ANN, DEFINITION, max_retries=5, max_retries_interval=6)
SECOND = _item("a2", BOB, OTHER, max_retries_interval=6)


def rows() -> Rows:
    """Return rows for the tables of any revision."""
    lists = {name: Json(["fs"]) if name == "supported_modes" else None for name in SUPPORTED}
    return {
        "clients": [
            row("c1", **ANN, client_id="web1", hostname="web1.example.org", uuid="c1"),
            row("c2", **BOB, client_id="web2", uuid="c2", description="two", is_central=0, **lists),
            row("c3", **BOB, client_id="boss", uuid="c3", is_central=1),
            row("c4", **ANN, client_id="gone", uuid="c4", deleted=1),
        ],
        "actions": [
            _action("a1", ANN, DEFINITION),
            _action("a2", BOB, OTHER, mandatory=1, max_retries=None),
            _action("a3", BOB, OTHER, deleted=1) | {"deleted": None},
        ],
        "jobs": [
            row("j1", **ANN, client_id="web1", schedule=Json(SCHEDULE), job_actions=Json([FIRST])),
            row(
                "j2",
                "2020-01-02 00:00:00",
                **BOB,
                client_id="web2",
                session_id="s1",
                session_tag=3,
                description="second",
                schedule=Json('""'),
                job_actions=Json([SECOND, FIRST]),
            ),
        ],
        "job_actions": [
            row("x1", job_id="j1", action_id="a1", position=0),
            row("x2", job_id="j2", action_id="a1", position=1),
            row("x3", job_id="j2", action_id="a2", position=0),
            row("x4", job_id="j2", action_id="a3", position=2),
            row("x5", job_id="j2", action_id="a2", position=3, deleted=1),
        ],
        "user_credentials": [row("u1", trust_id="t1", trustor_user_id="bob", job_id="j2")],
        "sessions": [
            row(
                "s1",
                **BOB,
                session_tag=3,
                description="nightly",
                hold_off=30,
                schedule=Json({"schedule_interval": "1 days"}),
                job=Json({"j2": {"client_id": "web2", "status": "completed", "result": "success"}}),
                **dict.fromkeys(("time_start", "time_end", "time_started", "time_ended"), -1),
                status="active",
            ),
            row(
                "s2", "2020-01-02 00:00:00", **ANN, session_tag=0, schedule=Json("null"), job=None, status="active"
            ),
        ],
        "backups": [
            row("b1", **ANN, user_name="Ann", backup_metadata=Json(METADATA)),
            row(
                "b2",
                "2020-01-02 00:00:00",
                **BOB,
                user_name="Bob",
                status="error",
                job_id="j2",
                backup_metadata=Json(METADATA),
            ),
        ],
        "action_reports": [row("a1", **ANN, result="success")],
    }


def documents(revision: str) -> dict[str, list[dict[str, Any]]]:
    """Return the imported documents by kind, in the order of lists."""
    columns = {name: set(columns) for name, columns in tables(revision, "sqlite").items()}
    supported = {name: [] for name in SUPPORTED}
    centrality = "is_central" in columns["clients"]
    names = {"user_name"} & columns["backups"]
    times = dict.fromkeys(("time_start", "time_end", "time_started", "time_ended"), -1)
    credentials = {"user_credentials": {"trust_id": "t1", "trustor_user_id": "bob"}}
    return {
        "clients": [
            _client(ANN, client_id="web1", hostname="web1.example.org", uuid="c1", **supported),
            _client(
                BOB,
                client_id="web2",
                uuid="c2",
                description="two",
                **({"is_central": False} if centrality else {}),
                **{**supported, "supported_modes": ["fs"]},
            ),
            _client(BOB, client_id="boss", uuid="c3", **({"is_central": True} if centrality else {}), **supported)
            | ({"reach": "all_projects"} if centrality else {}),
        ],
        "actions": [{**FIRST, "mandatory": False}, {**SECOND, "mandatory": True}],
        "jobs": [
            {"job_id": "j1", **given(ANN), "client_id": "web1", "job_schedule": SCHEDULE, "job_actions": [FIRST]},
            {
                "job_id": "j2",
                **BOB,
                "client_id": "web2",
                "session_id": "s1",
                "session_tag": 3,
                "description": "second",
                "job_schedule": {},
                "job_actions": [SECOND, FIRST],
                **(credentials if "user_credentials" in columns else {}),
            },
        ],
        "sessions": [
            {
                "session_id": "s1",
                **BOB,
                "session_tag": 3,
                "description": "nightly",
                "hold_off": 30,
                "schedule": {"schedule_interval": "1 days"},
                "jobs": {"j2": {"client_id": "web2", "status": "completed", "result": "success"}},
                **times,
                "status": "active",
            },
            {"session_id": "s2", **given(ANN), "session_tag": 0, "schedule": {}, "jobs": {}, "status": "active"},
        ],
        "backups": [
            {
                "backup_id": "b1",
                **given(ANN),
                **({"user_name": "Ann"} if names else {}),
                "backup_metadata": METADATA,
            },
            {
                "backup_id": "b2",
                **BOB,
                **({"user_name": "Bob"} if names else {}),
                **({"status": "error"} if "status" in columns["backups"] else {}),
                "backup_metadata": METADATA,
            },
        ],
    }


def _client(owner: Row, **client: Any) -> dict[str, Any]:
    return {**given(owner), "client": client}


def hits() -> list[dict[str, Any]]:
    """Return the documents as hits of Elasticsearch, where the original stores clients under random ids."""
    found = []
    for kind, those in documents("30a3fd20ec97").items():
        for number, document in enumerate(those):
            id_ = f"random{number}" if kind == "clients" else document[f"{kind[:-1]}_id"]
            source = {name: value for name, value in document.items() if name != "reach"}
            found.append({"_index": "freezer", "_type": kind, "_id": id_, "_version": 7, "_source": source})
    return found
