# SPDX-License-Identifier: Apache-2.0
"""Read dumps of the Elasticsearch of the original service."""

import json

import pytest

from freezer_api.compat.legacy.dump import open_dump
from freezer_api.compat.legacy.repair import repaired
from freezer_api.documents.registry import KINDS
from freezer_api.errors import CommandError
from tests.compat.legacy import sample


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a dump of this text: its documents by kind, and the entries of unknown kind."""

    def _read(text):
        file = tmp_path / "dump.json"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        with open_dump(str(file)) as dump:
            items = {kind.name: list(dump.read(kind)) for kind in KINDS}
            assert {kind.name: list(dump.read(kind)) for kind in KINDS} == items
            return items, [(stray.label, stray.reason) for stray in dump.strays]

    return _read


def lines(*values):
    return "\n".join(map(json.dumps, values)) + "\n"


def answer(hits):
    return {"took": 1, "timed_out": False, "hits": {"total": len(hits), "max_score": None, "hits": hits}}


HITS = sample.hits()
FORMS = {
    "a hit on a line": lines(*HITS),
    "blank lines": "\n" + "\n\n".join(map(json.dumps, HITS)),
    "an answer on one line": json.dumps(answer(HITS)),
    "an answer on many lines": json.dumps(answer(HITS), indent=2),
    "the answers of a scroll": lines(answer(HITS[:3]), answer(HITS[3:]), answer([])),
    "windows": lines(*HITS).replace("\n", "\r\n"),
    "a byte order mark": "\ufeff" + lines(*HITS),
    "a byte order mark before an answer on many lines": "\ufeff" + json.dumps(answer(HITS), indent=2),
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS.keys())
def test_every_format_of_a_dump_gives_the_same_documents(read, text):
    items, strays = read(text)

    assert strays == []
    for kind in KINDS:
        found = [repaired(kind, document, {})[1] for _label, document, *_ in items[kind.name]]
        assert found == sample.documents("30a3fd20ec97")[kind.name]
        assert {(version, created) for *_, version, created in items[kind.name]} == {(7, None)}


BY_CONTENT = [
    ("backups", {"backup_metadata": {}, "action_id": "x", "job_schedule": {}}),
    ("clients", {"client": {"client_id": "c"}, "session_id": "x"}),
    ("jobs", {"job_actions": None, "session_id": "x", "action_id": "x"}),
    ("jobs", {"job_schedule": {}, "client": "x"}),
    ("actions", {"action_id": "x", "session_id": "x"}),
    ("sessions", {"session_id": "x"}),
]


@pytest.mark.parametrize("type_", [{}, {"_type": "_doc"}, {"_type": 7}])
def test_kind_of_a_hit_is_detected_from_its_content(read, type_):
    items, strays = read(lines(*({**type_, "_id": "x", "_source": source} for _kind, source in BY_CONTENT)))

    assert strays == []
    for kind, those in items.items():
        assert [document for _label, document, *_ in those if document] == [
            {**source, **({} if kind == "clients" else {f"{kind[:-1]}_id": "x"})}
            for name, source in BY_CONTENT
            if name == kind
        ]


def test_line_that_is_not_a_hit_is_reported_by_number(read):
    bad = ["{", "7", "[]", '{"_source": 7}', '{"_source": {"x": 1}}', '{"_id": "x", "client": {}}', '{"n": 1e999}']
    items, strays = read(
        "\n".join([json.dumps(HITS[0]), *bad, '{"_source": {"x": "\\ud800"}}', json.dumps(HITS[1])])
    )

    assert sum(map(len, items.values())) == 2
    assert [place for place, _reason in strays] == [f"line {number}" for number in range(2, 10)]
    assert [reason for _place, reason in strays][3:5] == [
        "it is not a hit with a _source",
        "its kind is unknown",
    ]


def test_line_that_is_not_utf8_is_reported_by_number(read):
    assert read(b"\xff\n")[1] == [("line 1", "The body is not UTF-8: byte 0")]


VERSIONS = [(odd, 1) for odd in (None, 0, -3, "7", 2.5, True)] + [(1, 1), (9, 9), (2**62, 2**30), (10**30, 2**30)]


@pytest.mark.parametrize(("given", "kept"), VERSIONS)
def test_version_of_a_hit_is_kept_if_it_is_valid(read, given, kept):
    items, _strays = read(lines({"_type": "jobs", "_id": "x", "_version": given, "_source": {}}))

    assert items["jobs"] == [("x", {"job_id": "x"}, kept, None)]


def test_id_in_the_document_takes_precedence_over_that_of_the_hit(read):
    items, _strays = read(lines({"_type": "jobs", "_id": "x", "_source": {"job_id": "y", "n": 2**70}}))

    assert items["jobs"] == [("x", {"job_id": "y", "n": 2**70}, 1, None)]


@pytest.mark.parametrize("text", ['{\n  "hits": [', "{\n} {\n}", b"{\n\xff"])
def test_invalid_json_on_several_lines_is_reported(read, text):
    with pytest.raises(CommandError, match=r"cannot read .*dump\.json: "):
        read(text)


def test_missing_dump_is_reported(tmp_path):
    with pytest.raises(CommandError, match="cannot read /no/such: No such file"), open_dump("/no/such"):
        pass
    with pytest.raises(CommandError, match="Is a directory"), open_dump(str(tmp_path)):
        pass
