# SPDX-License-Identifier: Apache-2.0
"""Conversion of documents of the original service into valid ones."""

import json

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from freezer_api.api.v1 import V1
from freezer_api.api.v2 import V2
from freezer_api.compat.legacy import rows
from freezer_api.compat.legacy.repair import repaired, time_of
from freezer_api.documents.registry import KINDS
from freezer_api.documents.search_index import search_index
from freezer_api.errors import Invalid
from freezer_api.operations.scope import Scope, central_key
from tests.compat.legacy.original import REVISIONS, tables

BACKUPS, CLIENTS, JOBS, ACTIONS, SESSIONS = KINDS

OWNED = {"user_id": "ann"}
JOB = {**OWNED, "job_id": "j", "client_id": "web1"}
CLIENT = {**OWNED, "client": {"client_id": "web1"}}
SESSION = {**OWNED, "session_id": "s"}


def after(kind, document, projects=None):
    return repaired(kind, document, projects or {})[1]


KEPT = [
    (
        BACKUPS,
        {**OWNED, "backup_id": "b", "user_name": None, "backup_metadata": {"a": None, "ssh_port": "", "": []}},
    ),
    (ACTIONS, {**OWNED, "action_id": "a", "action": "backup", "mode": None, "max_retry_interval": 6}),
    (
        JOBS,
        {**JOB, "job_actions": None, "job_schedule": None, "description": None, "session_id": "", "x": {"y": ""}},
    ),
    (JOBS, {**JOB, "job_actions": [{}, {"freezer_action": None}], "job_schedule": {"event": ""}}),
    (SESSIONS, {**SESSION, "jobs": {"j": {"x": None}}, "schedule": None, "result": None}),
    (CLIENTS, {**OWNED, "client": {"client_id": "web1", "uuid": None, "client": {}, "supported_modes": None}}),
    (JOBS, {**JOB, "user_id": None, "project_id": "red"}),
]


@pytest.mark.parametrize(("kind", "document"), KEPT)
def test_valid_document_is_unchanged(kind, document):
    assert after(kind, document) == document


REPAIRED = [
    (JOBS, {**JOB, "_version": 7}, JOB),
    (JOBS, {**JOB, "job_event": "stop"}, {**JOB, "job_schedule": {"event": "stop"}}),
    (
        JOBS,
        {**JOB, "job_event": "stop", "job_schedule": {"event": "start"}},
        {**JOB, "job_schedule": {"event": "start"}},
    ),
    (JOBS, {**JOB, "job_event": "", "job_schedule": None}, {**JOB, "job_schedule": {"event": ""}}),
    (SESSIONS, {**SESSION, "jobs": []}, {**SESSION, "jobs": {}}),
    (SESSIONS, {**SESSION, "_earlier": 7}, {**SESSION, "jobs": {}}),
    (CLIENTS, {**CLIENT, "uuid": "u"}, {**OWNED, "client": {"client_id": "web1", "uuid": "u"}}),
    (
        CLIENTS,
        {**OWNED, "uuid": "v", "client": {"client_id": "web1", "uuid": "u"}},
        {**OWNED, "client": {"client_id": "web1", "uuid": "u"}},
    ),
    (CLIENTS, {**CLIENT, "reach": "all_projects"}, CLIENT),
]


@pytest.mark.parametrize(("kind", "document", "expected"), REPAIRED)
def test_invalid_document_is_repaired(kind, document, expected):
    assert after(kind, document) == expected
    assert after(kind, expected) == expected


REFUSED = [
    (BACKUPS, {"backup_id": "b"}, "it has no owner"),
    (BACKUPS, {"backup_id": "b", "user_id": "", "project_id": None}, "it has no owner"),
    (BACKUPS, {"backup_id": "b", "user_id": 7}, "user_id is not a printable text of at most 255 bytes"),
    (BACKUPS, {"backup_id": "b", "user_id": "u" * 256}, "user_id is not a printable text"),
    (BACKUPS, OWNED, "it has no backup_id"),
    (BACKUPS, {**OWNED, "backup_id": ""}, "it has no backup_id"),
    (BACKUPS, {**OWNED, "backup_id": 7}, "backup_id is not a printable text"),
    (BACKUPS, {**OWNED, "backup_id": "\N{GRINNING FACE}" * 64}, "backup_id is not a printable text"),
    (BACKUPS, {**OWNED, "backup_id": "a\n"}, "backup_id is not a printable text"),
    (CLIENTS, OWNED, "it has no client"),
    (CLIENTS, {**OWNED, "client": {}}, "it has no client_id"),
    (CLIENTS, {**OWNED, "client": {"client_id": ["web1"]}}, "it has no client_id"),
    (CLIENTS, {**OWNED, "client": {"client_id": "c" * 256}}, "client.client_id is not a printable text"),
    (CLIENTS, {**OWNED, "client": {"client_id": "c", "supported_modes": "fs"}}, "supported_modes is not a list"),
    (JOBS, {**OWNED, "job_id": "j"}, "it has no client_id"),
    (JOBS, {**JOB, "job_actions": {"0": {}}}, "job_actions is not a list of objects"),
    (JOBS, {**JOB, "job_actions": [None]}, "job_actions is not a list of objects"),
    (SESSIONS, {**SESSION, "jobs": ["j"]}, "jobs is not an object of objects"),
    (SESSIONS, {**SESSION, "jobs": {"j": 7}}, "jobs is not an object of objects"),
]


@pytest.mark.parametrize(("kind", "document", "reason"), REFUSED)
def test_invalid_document_is_refused(kind, document, reason):
    with pytest.raises(Invalid) as caught:
        after(kind, document)
    assert str(caught.value).startswith(reason)


def client(client_id="web1", **more):
    return {"user_id": "ann", **more, "client": {"client_id": client_id}}


def test_imported_client_has_the_key_of_a_registered_one():
    by_user = Scope("user_id", "ann", "ann", None).client_key("web1")
    by_project = Scope("project_id", "red", "ann", "red").client_key("web1")

    assert repaired(CLIENTS, client(), {})[0] == by_user
    assert repaired(CLIENTS, client(project_id=None), {"ann": "red"}) == (by_user, client(project_id="red"))
    assert repaired(CLIENTS, client(project_id="red"), {"ann": "blue"}) == (by_project, client(project_id="red"))


def test_imported_central_client_of_v2_is_visible_to_all_projects():
    central = {"user_id": "ann", "client": {"client_id": "boss", "is_central": True}}
    key, document = repaired(CLIENTS, {**central, "project_id": "red"}, {})

    assert key == central_key("boss")
    assert document["reach"] == "all_projects"
    for v1 in (central, {**central, "project_id": ""}):
        key, document = repaired(CLIENTS, v1, {"ann": "red"})
        assert key == Scope("user_id", "ann", "ann", None).client_key("boss")
        assert document == {**central, "project_id": "red"}


@pytest.mark.parametrize("kind", [BACKUPS, JOBS, ACTIONS, SESSIONS], ids=lambda kind: kind.name)
def test_project_map_sets_the_project_of_documents_of_v1(kind):
    document = {**OWNED, kind.id_field: "x", "client_id": "web1", "jobs": {}}

    assert after(kind, document, {"ann": "red", "bob": "blue"}) == {**document, "project_id": "red"}
    assert after(kind, document, {"bob": "blue"}) == document
    assert after(kind, {**document, "project_id": "own"}, {"ann": "red"}) == {**document, "project_id": "own"}


@pytest.mark.parametrize(
    ("schedule", "time"),
    [
        ({"time_created": 1577836800}, 1577836800000000),
        *(({"time_created": odd}, None) for odd in (0, -1, True, "1577836800", 1.5, None, 10**18)),
        ({}, None),
        (None, None),
    ],
)
def test_creation_time_of_a_job_is_that_of_its_schedule(schedule, time):
    assert time_of(JOBS, {"job_schedule": schedule}) == time
    assert time_of(SESSIONS, {"job_schedule": schedule}) is None


def test_column_that_is_neither_text_nor_number_is_refused():
    made = {"id": "b", "user_id": b"ann", "status": "error", "backup_metadata": None}

    assert rows.backup(made) == {"backup_id": "b", "user_id": "ann", "status": "error", "backup_metadata": {}}
    with pytest.raises(Invalid, match="status is neither text nor a number"):
        rows.backup({**made, "status": object()})


# Properties that hold for any content of a row.

NUMBERS = st.integers(-(2**31), 2**31 - 1)
TEXTS = st.text(max_size=8) | st.text(st.characters(codec="utf-8"), min_size=200, max_size=300)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS | st.floats(allow_nan=False, allow_infinity=False)
ITEMS = st.fixed_dictionaries(
    {}, optional={"action_id": SCALARS, "freezer_action": st.dictionaries(TEXTS, SCALARS), "mandatory": SCALARS}
)
VALUES = st.recursive(
    SCALARS | st.lists(ITEMS, max_size=3),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(TEXTS, below, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(
    TEXTS | st.sampled_from(["j1", "event"]), st.dictionaries(TEXTS, VALUES, max_size=2), max_size=3
)
OBJECT = OBJECTS.map(json.dumps)
LIST = st.lists(ITEMS, max_size=3).map(json.dumps)
ODD = VALUES.map(json.dumps) | st.just("") | st.binary(max_size=6)
IDS = st.sampled_from(["ann", "red", "0a-Z_9", "\N{SNOWMAN}", "a b", ""])
GOOD_IDS = st.sampled_from(["ann", "red", "0a-Z_9", "\N{SNOWMAN}", "a b"])

MAKE = {
    "clients": rows.client,
    "actions": rows.action,
    "jobs": lambda row: rows.job(row, None, {"trust_id": "t", "trustor_user_id": None}),
    "sessions": rows.session,
    "backups": rows.backup,
}


def _column(name, type_, is_odd):
    """Return a strategy for values of a column; with ``is_odd`` also values that the original never writes."""
    if name in ("id", "user_id", "project_id", "client_id"):
        return st.none() | IDS | TEXTS if is_odd else GOOD_IDS
    if name == "job_actions" or name.startswith("supported_"):
        return _json(LIST, is_odd)
    if type_ in ("BLOB", "TEXT"):
        return _json(OBJECT, is_odd)
    if type_.startswith("VARCHAR"):
        return st.none() | IDS | TEXTS
    return st.none() | (st.sampled_from([0, 1]) if type_ == "BOOLEAN" else NUMBERS)


def _json(usual, is_odd):
    return st.none() | usual | usual.map(str.encode) | (ODD if is_odd else usual)


@st.composite
def rows_of(draw, kind):
    columns = tables(draw(st.sampled_from(REVISIONS)), draw(st.sampled_from(["sqlite", "mysql"])))[kind.name]
    is_odd = draw(st.booleans())
    row = {name: draw(_column(name, type_, is_odd)) for name, type_ in columns.items()}
    return {"job_actions": None, **row}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@settings(max_examples=settings().max_examples * 2 // 5)
@given(data=st.data())
def test_any_row_gives_a_valid_document_or_is_refused(kind, data):
    row = data.draw(rows_of(kind))
    projects = data.draw(st.dictionaries(IDS, st.just("red")))
    try:
        key, document = repaired(kind, MAKE[kind.name](row), projects)
    except Invalid as error:
        reason = str(error)
        event(reason.partition(" ")[2])
        document = None
    else:
        event("is kept")
    if document is None:
        assert len(reason.splitlines()) == 1
        return

    assert json.loads(json.dumps(document)) == document
    assert 0 < len(key.encode()) <= 255
    assert document.get("user_id") or document.get("project_id")
    assert repaired(kind, document, {})[1] == document
    search_index(kind, document)
    for version in (V1, V2):
        version.shown(kind, json.loads(json.dumps(document)))


@given(items=st.lists(ITEMS, max_size=4), job_id=IDS)
def test_generated_ids_are_the_same_in_every_import(items, job_id):
    row = {"id": job_id, "job_actions": json.dumps(items)}

    assert rows.job_items(row) == rows.job_items(row)
    for before, item in zip(items, rows.job_items(row), strict=True):
        assert {**item, "action_id": 0} == {**before, "action_id": 0}
        if before.get("action_id") or not isinstance(before.get("freezer_action"), dict):
            assert item == before
