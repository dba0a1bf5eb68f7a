# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator
from typing import Any

import fastjsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freezer_api.documents import actions, backups, clients, jobs, sessions
from freezer_api.documents.fields import BOOLEAN, ID, INTEGER, Field, enum
from freezer_api.documents.validation import Form
from freezer_api.errors import Invalid

from .json_values import KEYS, VALUES, nested, unchanged

FORM = Form(
    (
        Field("id", ID),
        Field("count", INTEGER),
        Field("flag", BOOLEAN),
        Field("word", enum("", "one", "two")),
        Field("inner", fields=(Field("count", INTEGER),), closed=True),
        Field("items", fields=(Field("count", INTEGER),), many=True),
        Field("set_by_us", INTEGER, server=True),
    ),
    closed=True,
    required=("id",),
)


def message_of(form: Form, document: Any) -> str:
    with pytest.raises(Invalid) as caught, unchanged(document):
        form.check(document)
    return str(caught.value)


@pytest.mark.parametrize(
    "document",
    [
        {"id": "a"},
        {"id": "a", "count": 2**63 - 1, "flag": True, "word": "", "inner": {}, "items": []},
        {"id": "a", "inner": {"count": 1}, "items": [{"count": 2, "unknown": nested(128)}]},
    ],
)
def test_valid_document_is_accepted(document: Any) -> None:
    FORM.check(document)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "'id' is a required property"),
        ({"id": "a", "foo": 1}, "Additional properties are not allowed ('foo' was unexpected)"),
        ({"id": "a", "set_by_us": 1}, "Additional properties are not allowed ('set_by_us' was unexpected)"),
        ({"id": "a", "count": "x"}, "'x' is not of type 'integer' at count"),
        ({"id": "a", "count": True}, "true is not of type 'integer' at count"),
        ({"id": "a", "count": 1.0}, "1.0 is not of type 'integer' at count"),
        ({"id": "a", "count": None}, "null is not of type 'integer' at count"),
        (
            {"id": "a", "count": 2**63},
            "9223372036854775808 is greater than the maximum of 9223372036854775807 at count",
        ),
        ({"id": "a", "flag": 1}, "1 is not of type 'boolean' at flag"),
        ({"id": "a", "word": "zz"}, "'zz' is not one of '', 'one', 'two' at word"),
        ({"id": "a\n"}, r"'a\n' is not valid at id; expected a value such as 'daily-backup_1'"),
        ({"id": "a", "inner": {"x": 1}}, "Additional properties are not allowed ('x' was unexpected) at inner"),
        ({"id": "a", "inner": []}, "[] is not of type 'object' at inner"),
        ({"id": "a", "inner": list(range(99))}, "A list is not of type 'object' at inner"),
        ({"id": "a", "items": {}}, "{} is not of type 'array' at items"),
        ({"id": "a", "items": {"a": "b" * 99}}, "An object is not of type 'array' at items"),
        ({"id": "a", "items": {"my_password": 1}}, "An object is not of type 'array' at items"),
        ({"id": "a", "items": [{}, {"count": ""}]}, "'' is not of type 'integer' at items.1.count"),
        ({"id": "a", "items": ["x" * 200]}, f"'{'x' * 99}... is not of type 'object' at items.0"),
        (
            {"count": "x", "foo": 1, "inner": {"x": 1}},
            "'id' is a required property; Additional properties are not allowed ('foo' was unexpected)",
        ),
        (
            {"k" * 10_000: 1, "counts": 2},
            (
                "'id' is a required property; Additional properties are not allowed ('counts', "
                f"'{'k' * 450}; did you mean 'count'?"
            ),
        ),
        (
            {"id": "a", "inner": {"counts": 1}},
            "Additional properties are not allowed ('counts' was unexpected) at inner; did you mean 'count'?",
        ),
    ],
)
def test_message_contains_the_violation_and_its_path(document: Any, message: str) -> None:
    assert message_of(FORM, document) == message


def test_message_is_one_short_line() -> None:
    long, lines = "k" * 10**6, "a\nb\r\u2028c"
    for key in (long, lines):
        for form, document in (
            (FORM, {"id": "a", key: 1}),
            (sessions.FORM, {"jobs": {key: 1}}),
            (sessions.FORM, {"jobs": {key: {"status": "x", "time_started": key}}}),
        ):
            message = message_of(form, document)
            assert message.isprintable()
            assert len(message) < 1000


def test_many_violations_are_reported_quickly_root_first() -> None:
    assert message_of(FORM, {"items": [1] * 300_000}) == "'id' is a required property"
    assert message_of(FORM, {"id": "a", "items": [1] * 300_000}).startswith("1 is not of type 'object' at items.")


def test_jsonschema_decides_if_compiled_validator_refuses() -> None:
    def refuse(_document: Any) -> None:
        raise fastjsonschema.JsonSchemaValueException("no")

    form = Form((Field("id", ID),))
    vars(form)["_accepts"] = refuse
    form.check({"id": "a"})
    assert message_of(form, {"id": ""}).startswith("'' is not valid")


BACKUP = {"backup_name": "b", "container": "c", "hostname": "h"}
JOB = {"client_id": "c", "job_actions": []}
FORMS = {
    "action": (actions.FORM, {}),
    "backup": (backups.FORM, BACKUP),
    "client": (clients.FORM, {"client_id": "c"}),
    "client patch": (clients.PATCH_FORM, {}),
    "job": (jobs.FORM, JOB),
    "job patch": (jobs.PATCH_FORM, {}),
    "session": (sessions.FORM, {}),
    "session replacement": (sessions.REPLACE_FORM, {"session_tag": 0}),
}
"""Every form with the smallest document that it accepts."""

each_form = pytest.mark.parametrize(("form", "least"), FORMS.values(), ids=FORMS)

ODD = (
    *(None, True, False, 0, 1, 1.0, -1, 1.5, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**40, 1e300, -0.0),
    *("", "a", "a\n", "\na", "ä", "a b", "-", "_", "host", "p_host", "a.b", "h" * 64, "0" * 255, "0" * 256, "1"),
    *("2020", "2020\n", "2015-06-02T16:20:00", "2015-06-02T16:20:00\n", "1 days", "1 day", "continuous", "$"),
    *("success", "stop", "start", "backup", "fs", "completed\n", "\\Z", "true", "1.0", "9" * 30),
    *([], {}, [[]], [{}], ["backup"], ["backup", 1], {"a": 1}, [1], [None], {"": {}}),
)
NASTY = st.sampled_from(ODD)


def around(schema: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for values that are valid, almost valid, or invalid by the schema."""
    values = NASTY | VALUES
    if "enum" in schema:
        values |= st.sampled_from(schema["enum"])
    if "items" in schema:
        values |= st.lists(around(schema["items"]), max_size=3)
    named = {name: around(inner) for name, inner in schema.get("properties", {}).items()}
    other = schema.get("additionalProperties")
    if named:
        some = st.sets(st.sampled_from(sorted(named)), max_size=4)
        known = some.flatmap(lambda names: st.fixed_dictionaries({name: named[name] for name in names}))
        others = st.just({}) | st.dictionaries(KEYS, NASTY, max_size=2)
        values |= st.builds(lambda left, right: {**right, **left}, known, others)
    if isinstance(other, dict):
        values |= st.dictionaries(KEYS, around(other), max_size=2)
    return values


def agrees(form: Form, document: Any) -> bool:
    try:
        form._accepts(document)
    except fastjsonschema.JsonSchemaValueException:
        return not form._judge.is_valid(document)
    return form._judge.is_valid(document)


@each_form
def test_compiled_validator_agrees_with_jsonschema(form: Form, least: Any) -> None:
    form.check(least)

    @settings(max_examples=settings().max_examples * 2)
    @given(around(form.schema))
    def agree(value: Any) -> None:
        assert agrees(form, value)
        if isinstance(value, dict):
            assert agrees(form, {**least, **value})

    agree()


def places(schema: Any, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of each value that the schema describes."""
    yield way
    for name, inner in schema.get("properties", {}).items():
        yield from places(inner, (*way, name))
    if "items" in schema:
        yield from places(schema["items"], (*way, 0))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from places(schema["additionalProperties"], (*way, "any"))


def put(way: tuple[str | int, ...], value: Any) -> Any:
    for part in reversed(way):
        value = [value] if part == 0 else {part: value}
    return value


@each_form
def test_validators_agree_on_odd_values_at_every_path(form: Form, least: Any) -> None:
    for way in places(form.schema):
        for value in ODD:
            document = put(way, value)
            assert agrees(form, {**least, **document} if isinstance(document, dict) else document), (way, value)
