# SPDX-License-Identifier: Apache-2.0
import pytest

from freezer_api.documents import fields
from freezer_api.documents.fields import Field, is_id, list_of, object_schema, walk


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
def test_id_has_1_to_255_ascii_letters_digits_and_marks(text: str, expected: bool) -> None:
    assert is_id(text) is expected


TREE = (
    Field("a"),
    Field("b", fields=(Field("c", fields.INTEGER), Field("d", fields=(Field("e"),), many=True)), closed=True),
    Field("s", server=True),
)


def test_schema_of_an_object_is_derived_from_its_fields() -> None:
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


def test_walk_yields_each_field_after_its_parent() -> None:
    assert [path for path, _ in walk(TREE)] == ["a", "b", "b.c", "b.d", "b.d.e", "s"]
