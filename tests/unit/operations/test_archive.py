# SPDX-License-Identifier: Apache-2.0
"""Lines of an export are read as they were written; incomplete and changed exports are refused."""

import hashlib
import json

import pytest

from freezer_api.errors import CommandError
from freezer_api.operations.archive import Reader, check

HEADER = b'{"format":"freezer-api export","version":1,"release":"20.0.0","kinds":["jobs"]}\n'


def line(**changed):
    whole = {"kind": "jobs", "key": "j", "version": 1, "created": 5, "document": {"job_id": "j"}, **changed}
    return json.dumps(whole).encode() + b"\n"


def footer(lines, **changed):
    whole = {"documents": {"jobs": len(lines)}, "sha256": hashlib.sha256(b"".join(lines)).hexdigest(), **changed}
    return json.dumps(whole, separators=(",", ":")).encode() + b"\n"


def _documents(lines, name):
    return [original for _, original, _ in Reader(lines, name).documents()]


def read(*lines):
    return _documents(lines, "x.jsonl")


def test_documents_are_read_in_their_order():
    lines = [line(key=key, version=number) for number, key in enumerate("cab", 1)]
    assert [(one.key, one.version) for one in read(HEADER, *lines, footer(lines))] == [
        ("c", 1),
        ("a", 2),
        ("b", 3),
    ]
    assert check([HEADER, *lines, footer(lines)], "x.jsonl") == {"jobs": 3}
    assert read(HEADER, footer([])) == []


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"", "x.jsonl is not an export of freezer-manage"),
        (b"[]\n", "x.jsonl is not an export of freezer-manage"),
        (b'{"format":"another","version":1}\n', "x.jsonl is not an export of freezer-manage"),
        (b'{"format":"freezer-api export"}\n', "x.jsonl is not an export of freezer-manage"),
        (
            b'{"format":"freezer-api export","version":2,"release":"99"}\n',
            "x.jsonl was written by the newer release 99, in a format unknown to this one",
        ),
    ],
)
def test_file_that_is_not_an_export_is_refused(header, reason):
    with pytest.raises(CommandError) as refused:
        read(header, line(), footer([line()]))
    assert str(refused.value) == reason


def test_export_cut_at_any_byte_is_incomplete():
    lines = [line(key=key) for key in "ab"]
    whole = b"".join([HEADER, *lines, footer(lines)])
    for end in range(len(HEADER), len(whole)):
        cut = whole[:end].splitlines(keepends=True)
        for use in (check, _documents):
            with pytest.raises(
                CommandError, match=r"^x.jsonl is incomplete: its footer is missing. Export again$"
            ):
                use(cut, "x.jsonl")


@pytest.mark.parametrize("changed", [[line(key="b")], [line(), line()], []])
def test_changed_export_has_another_digest(changed):
    for use in (check, _documents):
        with pytest.raises(CommandError, match=r"its digest is not that of the footer$"):
            use([HEADER, *changed, footer([line()])], "x.jsonl")


def test_footer_with_other_counts_is_refused():
    for counts in ({"jobs": 2}, {}):
        with pytest.raises(CommandError, match=r"x.jsonl, line 3: the footer has other numbers of documents"):
            check([HEADER, line(), footer([line()], documents=counts)], "x.jsonl")
    with pytest.raises(CommandError, match=r"x.jsonl, line 3: the footer has other numbers of documents"):
        read(HEADER, line(), footer([line()], documents={"backups": 1}))
    with pytest.raises(CommandError, match="incomplete"):
        read(HEADER, line(), footer([line()], documents={"jobs": "1"}))


def test_lines_after_the_footer_are_refused():
    with pytest.raises(CommandError, match=r"^x.jsonl, line 3: there are lines after the footer$"):
        read(HEADER, line(), footer([line()]), line())


@pytest.mark.parametrize(
    "wrong",
    [
        line(kind="plans"),
        line(kind=None),
        line(key=1),
        line(key=""),
        line(key="\ud800"),
        line(key="k" * 513),
        line(key="é" * 257),
        line(version=0),
        line(version=True),
        line(version=2**30 + 1),
        line(created=2**62 + 1),
        line(created="1"),
        line(document=[]),
        b"{}\n",
        b"[]\n",
        b"not JSON\n",
        b"\xff\n",
    ],
)
def test_line_that_is_not_a_document_is_refused_by_its_number(wrong):
    lines = [line(), wrong]
    with pytest.raises(CommandError, match=r"^x.jsonl, line 3: it has no "):
        read(HEADER, *lines, footer(lines))
