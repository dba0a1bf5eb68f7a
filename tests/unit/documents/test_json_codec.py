# SPDX-License-Identifier: Apache-2.0
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freezer_api.documents import json_codec
from freezer_api.documents.json_codec import MAX_NESTING, answer, decode, encode, one_line, parse
from freezer_api.errors import Malformed

from .json_values import OBJECTS, VALUES, is_identical, nested


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"{}", {}),
        (b" null\n", None),
        (b"[1, 1.0, 1e2, -0, -0.0, 0.1]", [1, 1.0, 100.0, 0, -0.0, 0.1]),
        (b"9223372036854775808", 2**63),
        (b"18446744073709551616", 2**64),
        (b"-9999999999999999999", -9999999999999999999),
        (b"1" * 1000, int("1" * 1000)),
        (b"-" + b"1" * 1000, -int("1" * 1000)),
        (b"123456789012345678901234.5", 123456789012345678901234.5),
        (b"1e-400", 0.0),
        (b"1.7976931348623157e308", 1.7976931348623157e308),
        (b'"1234567890123456789012345"', "1234567890123456789012345"),
        (b'{"a": 1, "b": 2, "a": 3}', {"a": 3, "b": 2}),
        (b'{"n": 12345678901234567890123, "a": 1, "a": 2}', {"n": 12345678901234567890123, "a": 2}),
        (b'"\\u0000\\ud83d\\ude00\\/"', "\0\N{GRINNING FACE}/"),
        ('"\N{GRINNING FACE}ß"'.encode(), "\N{GRINNING FACE}ß"),
    ],
)
def test_valid_json_is_parsed(data: bytes, value: Any) -> None:
    assert is_identical(parse(data), value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "Expecting value: line 1 column 1"),
        (b"{", "Expecting property name enclosed in double quotes: line 1 column 2"),
        (b'{"a": 1}\n}', "Extra data: line 2 column 1"),
        (b"{'a': 1}", "Expecting property name enclosed in double quotes: line 1 column 2"),
        (b"01", "Extra data: line 1 column 2"),
        (b'"\t"', "Invalid control character at: line 1 column 2"),
        (b"\x00", "Expecting value: line 1 column 1"),
        (b"\xef\xbb\xbf{}", "Expecting value: line 1 column 1"),
        (b'{"a": "\xff"}', "The body is not UTF-8: byte 7"),
        ('{"a": 1}'.encode("utf-16"), "The body is not UTF-8: byte 0"),
        ('{"a": 1}'.encode("utf-32-le"), "Expecting property name enclosed in double quotes: line 1 column 2"),
        (b'"\xed\xa0\x80"', "The body is not UTF-8: byte 1"),
        (b"NaN", "NaN is not valid JSON"),
        (b"[-Infinity]", "-Infinity is not valid JSON"),
        (b"1e400", "A number is too large"),
        (b"-1e400", "A number is too large"),
        (b"1" * 400 + b".0", "A number is too large"),
        (b"1" * 1001, "A number has more than 1000 digits"),
        (b"-" + b"1" * 5000, "A number has more than 1000 digits"),
        (b"0." + b"1" * 1000, "A number has more than 1000 digits"),
        (b'"\\ud800"', "A string contains half of a surrogate pair"),
        (b'{"a": ["\\udc00\\ud800"]}', "A string contains half of a surrogate pair"),
        (b'{"\\ud83d": 1}', "A string contains half of a surrogate pair"),
    ],
)
def test_malformed_or_inexact_json_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(data)
    assert str(caught.value) == message


BROKEN_BITS = st.sampled_from(
    (
        *(b"{", b"}", b"[", b"]", b'"', b",", b":", b"-", b"1", b"0" * 19, b"9" * 25, b"1e400", b"\\ud800"),
        *(b"\\ud83d\\ude00", b"\\u0000", b" ", b"\xff", b"\xc3\xa9", b"NaN", b"null", b"true", b".5", b"e3"),
        *(b"E+2", b'"a"', b'"a":1', b"\x0c"),
    )
)


@given(st.lists(BROKEN_BITS | VALUES.map(lambda value: json.dumps(value).encode()), max_size=5).map(b"".join))
@example(b"-1e-5")
@example(b"1E400")
@example(b"\\ud800")
def test_fast_parser_agrees_with_exact_parser(data: bytes) -> None:
    quick: Any = Malformed
    careful: Any = Malformed
    with suppress(Malformed):
        quick = parse(data)
    with suppress(Malformed):
        careful = json_codec._carefully_parsed(data)
    assert quick is careful or is_identical(quick, careful)


class TestNesting:
    @pytest.mark.parametrize("levels", [0, 1, 64, MAX_NESTING])
    def test_nested_value_is_parsed_unchanged(self, levels: int) -> None:
        value = nested(levels)
        assert parse(json.dumps(value).encode()) == value
        assert parse(json.dumps([[], *[{}] * MAX_NESTING]).encode()) == [[], *[{}] * MAX_NESTING]

    @pytest.mark.parametrize("bottom", [[], {}, 1, 10**30])
    def test_too_many_levels_are_refused(self, bottom: Any) -> None:
        levels = MAX_NESTING - isinstance(bottom, list | dict)
        assert parse(json.dumps(nested(levels, bottom)).encode()) == nested(levels, bottom)
        with pytest.raises(Malformed, match=f"^More than {MAX_NESTING} levels of nesting$"):
            parse(json.dumps(nested(levels + 1, bottom)).encode())

    @pytest.mark.parametrize("levels", [300, 900, 1030, 5_000, 500_000])
    @pytest.mark.parametrize("digits", [b"1", b"1" * 25])
    def test_any_depth_is_refused_without_crash(self, levels: int, digits: bytes) -> None:
        for data in (b"[" * levels + digits + b"]" * levels, b'{"a":' * levels + digits + b"}" * levels):
            with pytest.raises(Malformed, match="levels of nesting"):
                parse(data)
        with pytest.raises(Malformed):
            parse(b"[" * levels)


class TestStored:
    @given(OBJECTS)
    def test_decode_returns_the_encoded_document(self, document: Any) -> None:
        assert is_identical(decode(encode(document)), document)

    @pytest.mark.parametrize(
        "number", [2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**999, 1.0, 1e22, 5e-324]
    )
    def test_encoded_and_decoded_numbers_are_exact(self, number: Any) -> None:
        document = {"a": [number, 1, 1.0, "é", True, None]}
        assert is_identical(decode(encode(document)), document)

    @pytest.mark.parametrize("levels", [64, MAX_NESTING, 400])
    def test_deep_document_can_be_stored(self, levels: int) -> None:
        assert decode(encode({"a": nested(levels)})) == {"a": nested(levels)}

    def test_encoded_document_is_plain_json(self) -> None:
        assert json.loads(encode({"ä": 2**70})) == {"ä": 2**70}


class TestAnswer:
    @given(VALUES)
    def test_response_body_is_valid_json(self, value: Any) -> None:
        assert is_identical(json.loads(answer(value)), value)

    def test_response_may_contain_half_a_surrogate_pair(self) -> None:
        assert json.loads(answer({"description": "\ud800"})) == {"description": "\ud800"}


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        ("", ""),
        ("blank é", "blank é"),
        ("a\nb", "a\\nb"),
        ("\u2028", "\\u2028"),
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 100 + "..."),
    ],
)
def test_value_in_a_message_is_shortened_to_one_line(shown: str, line: str) -> None:
    assert one_line(shown) == line
