from typing import Any

import pytest
from jsonschema import Draft4Validator

from freezer_api.documents import fields
from freezer_api.documents.fields import Field, is_id, list_of, object_schema, walk

DATE = "2015-06-02T16:20:00"


def fits(schema: Any, value: Any) -> bool:
    return Draft4Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    ("schema", "good"),
    [
        (fields.ID, ["a", "A_b-9", "-", "_", "0" * 255]),
        (fields.ID_OR_EMPTY, ["", "a", None, "0" * 255]),
        (fields.ID_OR_NULL, ["a", None]),
        (
            fields.CLIENT_ID,
            ["host1", "p1_host1", "a_b_host.dom.tld", "-_h", "__h", "h" * 63, "1.2.3.4", "p_" + "h" * 63],
        ),
        (fields.HOSTNAME, ["host1", "a-b.c", "a_b.c", "h" * 63, "A.9", None]),
        (
            fields.DATE,
            [DATE, DATE + "Z", DATE + ".5", DATE + ".123456+02:00", DATE + "-23:59", "-" + DATE, "1" + DATE],
        ),
        (fields.DATE, ["2020-02-31T00:00:00", "0000-12-31T23:59:59"]),
        (fields.INTERVAL, ["continuous", "1 days", "10  weeks", "05 hours", "1 minutes", "1 seconds"]),
        (fields.YEAR, ["2020", "0000"]),
        (fields.INTEGER, [0, -1, 2**63 - 1, -(2**63)]),
        (fields.FILLED, ["a", " ", "\n"]),
        (fields.TEXT_OR_NULL, ["", "\n", None]),
        (fields.BOOLEAN, [True, False]),
        (fields.enum("", "a"), ["", "a"]),
        (fields.ANY, [None, True, 10**30, [], {}]),
    ],
)
def test_accepts(schema: Any, good: list[Any]) -> None:
    assert [value for value in good if not fits(schema, value)] == []


@pytest.mark.parametrize(
    ("schema", "bad"),
    [
        (
            fields.ID,
            ["", "a b", "a.b", "a/b", "ä", "\N{ARABIC-INDIC DIGIT ONE}", "a\n", "\na", "0" * 256, 1, None],
        ),
        (fields.ID_OR_EMPTY, ["\n", "a\n", "ä", "0" * 256, 0, False]),
        (fields.ID_OR_NULL, ["", "a\n", 1]),
        (
            fields.CLIENT_ID,
            ["", "bad%x_host", "a_b/c", "host-", "-host", "a..b", "h" * 64, "a_" + "h" * 64, "a_b-", "a_"],
        ),
        (fields.CLIENT_ID, ["host\n", "hóst", ".a", "a.", "p_" * 126 + "host", None, 1]),
        (fields.HOSTNAME, ["", "bad host!", "!!", "a..b", "-a", "a-", "a\n", "h" * 64, 1]),
        (
            fields.DATE,
            ["2015-06-02", DATE + "\n", "x" + DATE, DATE + "Zx", DATE + ".", DATE + "+2:00", "215-06-02T16:20:00"],
        ),
        (
            fields.DATE,
            ["2015-13-02T16:20:00", "2015-06-32T16:20:00", "2015-06-02T24:00:00", "2015-06-02 16:20:00", "", None],
        ),
        (
            fields.INTERVAL,
            ["1 day", "days", "1days", "1\tdays", "continuous\n", "1 days\n", "-1 days", "1 months", "", 5],
        ),
        (fields.YEAR, ["20", "20200", "2020\n", 2020]),
        (fields.INTEGER, [True, False, 1.0, 1.5, 2**63, -(2**63) - 1, "1", "", None]),
        (fields.FILLED, ["", None, 0, {}, []]),
        (fields.BOOLEAN, [0, 1, "", "true", None]),
        (fields.enum("", "a"), ["b", None, 0, False, ["a"]]),
    ],
)
def test_refuses(schema: Any, bad: list[Any]) -> None:
    assert [value for value in bad if fits(schema, value)] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", True),
        ("0" * 255, True),
        ("0" * 256, False),
        ("", False),
        ("a\n", False),
        ("ä", False),
        ("a b", False),
    ],
)
def test_is_id(text: str, expected: bool) -> None:
    assert is_id(text) is expected


TREE = (
    Field("a"),
    Field("b", fields=(Field("c", fields.INTEGER), Field("d", fields=(Field("e"),), many=True)), closed=True),
    Field("s", server=True),
)


def test_a_schema_is_read_off_the_fields() -> None:
    assert object_schema(TREE, closed=True, required=("a",)) == {
        "type": "object",
        "required": ["a"],
        "additionalProperties": False,
        "properties": {
            "a": fields.STRING,
            "b": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "c": fields.INTEGER,
                    "d": list_of({"type": "object", "properties": {"e": fields.STRING}}),
                },
            },
        },
    }


def test_walks_over_all_fields_parents_first() -> None:
    assert [path for path, _ in walk(TREE)] == ["a", "b", "b.c", "b.d", "b.d.e", "s"]
