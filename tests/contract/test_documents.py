# SPDX-License-Identifier: Apache-2.0
"""Documents are returned exactly as they were stored."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.asking import BACKUPS, JOBS, exactly, found, is_

DEEP = json.loads('{"a":' * 64 + "[]" + "}" * 64)
LISTS = json.loads("[" * 64 + "]" * 64)

DOCUMENTS = {
    "nothing": {},
    "empty": {"": "", " ": " ", "a": {}, "b": [], "c": [[]], "d": [{}], "e": None},
    "dotted keys": {"a.b": 1, "a": {"b": 2}, ".": 3, "..": 4, ".a": 5, "a.": 6, "a..b": 7, "": {"": {"": 8}}},
    "keys of engines": {
        "$set": 1,
        "$": 2,
        "_id": "x",
        "_source": {},
        "_version": 9,
        "key": 1,
        "body": "b",
        "*": 0,
    },
    "keys of columns": {"created": [], "version": "x", "entries": {}, "texts": 1, "pending": 0, "epoch": "soon"},
    "long keys": {"k" * 1000: {"l" * 1000: {"m" * 1000: 1}}, "\N{GRINNING FACE}" * 1000: 2},
    "long text": {"a": "word " * 50_000, "b": "x" * 100_000},
    "integers": {
        "a": [0, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1],
        "b": 10**999,
        "c": -(10**40),
    },
    "floats": {"a": [0.0, -0.0, 1.0, 0.1, 1e22, 1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, -1.5]},
    "floats beside big integers": {"a": [2**70, 1.0, -0.0, 0.1, 1e22, 1e16, 123456789012345680.0, "\0\u2028"]},
    "types": {"a": True, "b": 1, "c": 1.0, "d": "1", "e": "true", "f": None, "g": "null", "h": False, "i": 0},
    "text": {
        "controls": "".join(map(chr, range(0x20))) + "\x7f\x80\x9f",
        "signs": "\"'\\/%_*?[]{}()<>&;:,.-`~^$#@!+=|",
        "lines": "a\r\nb\u2028c\u2029d\x85e",
        "far": "\ue000\uffff\ufffe\ufffd\ufeff\U00010000\U0010ffff\N{GRINNING FACE}",
        "composed": ["\u00e9", "e\u0301", "\u212b", "\u00c5", "\u0130", "\u0131", "\u00df", "\u1e9e"],
        "\0": "\0",
        "\x1f": "\x1e\x1d\x1a",
    },
    "deep": DEEP,
    "deep lists": {"a": LISTS},
    "wide": {f"key{n}": n for n in range(3000)},
    "agents": {"backup_metadata": {"ssh_port": "", "time_stamp": "1428529956", "level": -1.5, "encrypted": ""}},
    "other types than the definitions have": {"job_schedule": [], "job_actions": "x", "description": {"a": 1}},
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
@pytest.mark.parametrize("kind", [JOBS, BACKUPS], ids=lambda kind: kind.name)
def test_documents_are_returned_exactly(repository, opened, kind, document):
    created = repository.create(kind, "one", document)
    replaced = repository.replace(kind, "one", document, created.token)

    for stored in (created, replaced, opened().get(kind, "one")):
        assert exactly(stored.document, document)
    assert found(repository, kind=kind) == ["one"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
    max_leaves=12,
)


@settings(max_examples=settings().max_examples * 3 // 5)
@given(st.dictionaries(st.text(), JSON, max_size=6))
def test_random_documents_are_returned_exactly(lasting, document):
    stored = lasting.create(BACKUPS, "one", document)
    try:
        assert exactly(lasting.get(BACKUPS, "one").document, document)
    finally:
        lasting.delete(BACKUPS, "one", stored.token)


def test_order_of_keys_does_not_affect_a_search(repository):
    repository.create(JOBS, "one", {"job_id": "one", "x": {"a": 1, "b": 2}})
    repository.create(JOBS, "two", {"x": {"b": 2, "a": 1}, "job_id": "two"})

    assert found(repository, is_("x.a", 1), is_("x.b", 2)) == ["one", "two"]
