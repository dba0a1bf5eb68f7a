# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest
from hypothesis import given

from freezer_api.documents.actions import ACTIONS
from freezer_api.documents.backups import BACKUPS
from freezer_api.documents.clients import CLIENTS
from freezer_api.documents.jobs import JOBS
from freezer_api.documents.kind import Kind
from freezer_api.documents.merge import same
from freezer_api.documents.registry import KINDS
from freezer_api.documents.search_index import (
    MAX_NAME_LENGTH,
    MAX_TEXT,
    MAX_VALUE_LENGTH,
    NULL,
    PRESENT,
    Entry,
    Value,
    as_epoch,
    as_value,
    is_secret,
    search_index,
    words_of,
)
from freezer_api.documents.sessions import SESSIONS
from freezer_api.repository.elastic import terms
from freezer_api.repository.sql import index_text

from .json_values import OBJECTS, SCALARS, nested, unchanged

V1 = {kind.name: frozenset(path for path, field in kind.paths.items() if field.hidden) for kind in KINDS}
EPOCH = BACKUPS.paths["backup_metadata.time_stamp"]


def finds(kind: Kind, document: Any, name: str, value: Any, hidden: Any = None) -> bool:
    """Return whether a search for this value at this name finds the document; by default in v1."""
    names = kind.resolve(name, V1[kind.name] if hidden is None else hidden)
    wanted = as_value(value, kind.paths.get(names[0]))
    entries = search_index(kind, document).entries
    return wanted != PRESENT and any(Entry(one, wanted) in entries for one in names)


def has(kind: Kind, document: Any, name: str) -> bool:
    """Return whether the document has a value other than null at this name."""
    names = kind.resolve(name, V1[kind.name])
    return any(entry.name in names and entry.value != NULL for entry in search_index(kind, document).entries)


def backup(**metadata: Any) -> Any:
    return {
        "backup_id": "b1",
        "user_id": "u1",
        "user_name": "alice",
        "project_id": "p1",
        "backup_metadata": metadata,
    }


JOB = {
    "job_id": "j1",
    "user_id": "u1",
    "project_id": "p1",
    "client_id": "p1_host1",
    "description": "The nightly Backup of /etc",
    "session_id": "",
    "job_schedule": {"status": "scheduled", "event": "", "time_created": 5, "schedule_interval": "5 minutes"},
    "job_actions": [
        {
            "freezer_action": {"mode": "fs", "level": 1, "mine": "x"},
            "action_id": "a1",
            "mandatory": True,
            "odd": "o",
        },
        {"freezer_action": {"mode": "nova"}, "action_id": "a2", "user_id": "u1", "project_id": "p1"},
    ],
    "user_credentials": {"trust_id": "t1", "trustor_user_id": "u1"},
}
SESSION = {
    "session_id": "s1",
    "user_id": "u1",
    "project_id": "p1",
    "session_tag": 3,
    "status": "running",
    "hold_off": 30,
    "schedule": {"status": "stop", "event": "start", "schedule_interval": "1 days"},
    "jobs": {
        "j1": {"client_id": "c1", "status": "completed", "result": "fail", "time_started": 7, "token": "t0p"}
    },
    "_earlier": ["j1"],
    "free": {"status": "deep"},
}
FLAT = {"action_id": "a1", "user_id": "u1", "action": "backup", "mode": "fs", "mine": 5}
NESTED = {"action_id": "a1", "user_id": "u1", "freezer_action": {"action": "backup", "mode": "fs", "mine": 5}}
CLIENT = {
    "user_id": "u1",
    "client": {"client_id": "c1", "uuid": "id1", "description": "front Node", "supported_modes": ["fs", "nova"]},
}


@pytest.mark.parametrize(
    ("kind", "document", "name", "value", "found"),
    [
        (JOBS, JOB, "client_id", "p1_host1", True),
        (JOBS, JOB, "client_id", "p1", False),
        (JOBS, JOB, "status", "scheduled", True),
        (JOBS, JOB, "job_schedule.status", "scheduled", True),
        (JOBS, JOB, "time_created", 5, True),
        (JOBS, JOB, "time_created", 5.0, True),
        (JOBS, JOB, "time_created", "5", False),
        (JOBS, JOB, "event", "", True),
        (JOBS, JOB, "event", False, False),
        (JOBS, JOB, "action_id", "a2", True),
        (JOBS, JOB, "job_actions.action_id", "a1", True),
        (JOBS, JOB, "mode", "nova", True),
        (JOBS, JOB, "job_actions.freezer_action.mode", "fs", True),
        (JOBS, JOB, "freezer_action.mode", "fs", False),
        (JOBS, JOB, "mandatory", True, True),
        (JOBS, JOB, "mandatory", 1, False),
        (JOBS, JOB, "level", 1, True),
        (JOBS, JOB, "level", True, False),
        (JOBS, JOB, "mine", "x", True),
        (JOBS, JOB, "odd", "o", True),
        (JOBS, JOB, "user_id", "u1", True),
        (JOBS, JOB, "project_id", "p1", False),
        (JOBS, JOB, "job_actions.project_id", "p1", False),
        (JOBS, JOB, "trust_id", "t1", False),
        (JOBS, JOB, "user_credentials.trust_id", "t1", False),
        (SESSIONS, SESSION, "status", "running", True),
        (SESSIONS, SESSION, "status", "stop", False),
        (SESSIONS, SESSION, "status", "completed", False),
        (SESSIONS, SESSION, "status", "deep", False),
        (SESSIONS, SESSION, "free.status", "deep", True),
        (SESSIONS, SESSION, "schedule.status", "stop", True),
        (SESSIONS, SESSION, "event", "start", True),
        (SESSIONS, {**SESSION, "event": "mine"}, "event", "mine", True),
        (SESSIONS, SESSION, "client_id", "c1", False),
        (SESSIONS, SESSION, "jobs.j1.client_id", "c1", False),
        (SESSIONS, SESSION, "_earlier", "j1", False),
        (ACTIONS, FLAT, "mode", "fs", True),
        (ACTIONS, NESTED, "mode", "fs", True),
        (ACTIONS, FLAT, "mine", 5, True),
        (ACTIONS, NESTED, "mine", 5, True),
        (ACTIONS, NESTED, "freezer_action.mine", 5, True),
        (ACTIONS, NESTED, "action_id", "a1", True),
        (CLIENTS, CLIENT, "uuid", "id1", True),
        (CLIENTS, CLIENT, "client.uuid", "id1", True),
        (CLIENTS, CLIENT, "supported_modes", "nova", True),
        (CLIENTS, CLIENT, "client_id", "c1", True),
        (BACKUPS, backup(hostname="h.dom"), "hostname", "h.dom", True),
        (BACKUPS, backup(hostname="h.dom"), "hostname", "h", False),
        (BACKUPS, backup(hostname="h"), "backup_metadata.hostname", "h", True),
        (BACKUPS, backup(ssh_port=""), "ssh_port", "", True),
        (BACKUPS, backup(ssh_port=22), "ssh_port", "22", False),
        (BACKUPS, backup(broken_links=["/a", "/b"]), "broken_links", "/b", True),
        (BACKUPS, backup(time_stamp="0123"), "time_stamp", 123, True),
        (BACKUPS, backup(time_stamp=123), "time_stamp", "123", True),
        (BACKUPS, backup(time_stamp=123), "backup_metadata.time_stamp", "0123", True),
        (BACKUPS, backup(timestamp="123"), "timestamp", 123, False),
        (BACKUPS, backup(free=10**30), "free", 10**30, True),
        (BACKUPS, backup(free=10**30), "free", 1e30, False),
        (BACKUPS, backup(free=True), "free", True, True),
        (BACKUPS, backup(free=1), "free", True, False),
        (BACKUPS, backup(free=1.5), "free", 1.5, True),
        (BACKUPS, backup(free="x" * MAX_VALUE_LENGTH), "free", "x" * MAX_VALUE_LENGTH, True),
        (BACKUPS, backup(free="x" * (MAX_VALUE_LENGTH + 1)), "free", "x" * (MAX_VALUE_LENGTH + 1), False),
        (BACKUPS, backup(**{"k" * 900: 1}), "k" * 900, 1, True),
        (BACKUPS, backup(**{"k" * MAX_NAME_LENGTH: 1}), "k" * MAX_NAME_LENGTH, 1, True),
        (BACKUPS, backup(**{"k" * (MAX_NAME_LENGTH + 1): 1}), "k" * (MAX_NAME_LENGTH + 1), 1, False),
        (BACKUPS, backup(**{"k" * MAX_NAME_LENGTH: {"x": 1}}), "x", 1, True),
        (BACKUPS, backup(**{"a.b": 1}), "a.b", 1, True),
        (BACKUPS, backup(a={"b": 1}), "backup_metadata.a.b", 1, True),
        (BACKUPS, backup(**{"": 1}), "", 1, True),
        (BACKUPS, backup(**{"": {"": 1}}), "backup_metadata..", 1, True),
        (BACKUPS, backup(status="mine"), "status", "mine", True),
        (BACKUPS, {**backup(), "status": "available"}, "status", "available", False),
        (BACKUPS, {**backup(status="mine"), "status": "available"}, "status", "mine", True),
        (BACKUPS, backup(backup_id="other"), "backup_id", "other", False),
        (BACKUPS, backup(user_id="other"), "user_id", "other", False),
        (SESSIONS, {"*free": 1}, "free", 1, False),
        (SESSIONS, {"*free": 1}, "*free", 1, True),
        (SESSIONS, {"*free": {"x": 1}}, "x", 1, True),
    ],
)
def test_value_is_found_by_name(kind: Kind, document: Any, name: str, value: Any, found: bool) -> None:
    with unchanged(document):
        assert finds(kind, document, name, value) is found


def test_v2_finds_its_own_status_and_project() -> None:
    document = {**backup(status="mine"), "status": "error"}
    assert finds(BACKUPS, document, "status", "error", ())
    assert not finds(BACKUPS, document, "status", "mine", ())
    assert finds(BACKUPS, document, "project_id", "p1", ())


def test_shallowest_free_keys_are_found() -> None:
    deep_first = backup(a={"x": 1}, x=2, b=[{"x": 3}])
    assert finds(BACKUPS, deep_first, "x", 2)
    assert not finds(BACKUPS, deep_first, "x", 1)
    assert not finds(BACKUPS, deep_first, "x", 3)
    equally_deep = backup(a={"x": 1}, b=[{"x": 3}, [{"x": 4}]])
    assert all(finds(BACKUPS, equally_deep, "x", value) for value in (1, 3, 4))


@pytest.mark.parametrize(
    ("value", "is_there"),
    [
        (None, False),
        ([], True),
        ({}, True),
        ("", True),
        (0, True),
        (False, True),
        ("x" * 5000, True),
        ([None], False),
    ],
)
def test_absent_value_equals_null_only(value: Any, is_there: bool) -> None:
    assert has(BACKUPS, backup(free=value), "free") is is_there
    assert has(BACKUPS, backup(free=value), "backup_metadata.free") is is_there
    assert has(SESSIONS, {"jobs": value}, "jobs") is (value is not None)


SECRETS = {
    "os_PASSWORD": "s0",
    "encryption_password": "s1",
    "Passphrase": {"x": "s2"},
    "tokens": ["s3"],
    "a_secret_b": 4,
    "ssh_private_key": "s5",
    "AWS_ACCESS_KEY_ID": "s6",
}


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (BACKUPS, backup(**SECRETS, deep=[{"deeper": SECRETS}])),
        (JOBS, {"job_actions": [{"freezer_action": SECRETS}]}),
        (SESSIONS, {**SECRETS, "jobs": {"j1": SECRETS, "j2": {"list": [SECRETS]}}}),
        (CLIENTS, {"client": SECRETS}),
        (ACTIONS, SECRETS),
    ],
)
def test_secrets_are_in_no_index(kind: Kind, document: Any) -> None:
    index = search_index(kind, document)
    held = {"s0", "s1", "s2", "s3", "4", "s5", "s6"}
    assert not held & index.words
    assert not held & index.values
    assert not held & {entry.value.text for entry in index.entries}
    assert not any(is_secret(entry.name) for entry in index.entries)


def test_words_are_taken_from_values_and_not_from_keys() -> None:
    index = search_index(JOBS, JOB)
    assert {"nightly", "backup", "etc", "host1", "p1", "5", "minutes", "true", "fs", "nova"} <= index.words
    assert not {"description", "job", "mode", "t1"} & index.words
    assert {"p1_host1", "5 minutes", "5", "true", ""} <= index.values
    assert not {"t1"} & index.values


def test_aside_field_is_found_by_its_path_only() -> None:
    index = search_index(BACKUPS, {**backup(n=None), "status": "available", "project_id": "owner"})
    assert not {"owner", "available", "alice"} & (index.words | index.values)
    assert "b1" in index.words
    assert index.described == {("status", "available"), ("user_name", "alice")}
    job = search_index(JOBS, {"job_schedule": {"current_pid": 7, "time_started": 8}})
    assert (job.described, job.words) == ({("job_schedule.current_pid", "7")}, {"8"})


def test_members_are_found_by_id_and_their_entries_by_text() -> None:
    index = search_index(SESSIONS, {**SESSION, "jobs": {**SESSION["jobs"], "x" * 2000: [1, [None]], "j3": "text"}})
    assert index.members == {"j1", "j3"}
    assert {"c1", "fail", "7", "text", "1"} <= index.words
    assert not {"j1", "t0p"} & index.words


@pytest.mark.parametrize("jobs", [None, [], "x", [{"a": "b"}]])
def test_members_of_other_types_are_ignored(jobs: Any) -> None:
    assert search_index(SESSIONS, {"jobs": jobs}).members == frozenset()


def test_description_is_found_by_words() -> None:
    index = search_index(JOBS, JOB)
    words = {"the", "nightly", "backup", "of", "etc"}
    assert index.described == {("description", word) for word in words}
    assert search_index(CLIENTS, CLIENT).described == {
        ("client.description", "front"),
        ("client.description", "node"),
    }


def test_names_values_and_words_have_a_maximum_length() -> None:
    long = "x" * 300_000
    document = backup(**{long: {str(n): n for n in range(1000)}, "free": long, "list": [long + "y", 10**999]})
    index = search_index(BACKUPS, document)
    assert max(len(entry.name) for entry in index.entries) <= MAX_NAME_LENGTH + 1
    assert max(len(entry.value.text) for entry in index.entries) <= MAX_VALUE_LENGTH
    assert max(map(len, index.values)) <= MAX_VALUE_LENGTH
    assert max(map(len, index.words)) <= MAX_VALUE_LENGTH
    assert words_of(long)[0] in index.words
    assert words_of(long) != words_of(long + "y")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("!!! ___ -", []),
        ("Node-1_b", ["node", "1", "b"]),
        ("a.b/c:d e\nf\0g", list("abcdefg")),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}x", ["i\N{COMBINING DOT ABOVE}x"]),
        ("1.50", ["1", "50"]),
        ("備份 éa", ["備份", "éa"]),
    ],
)
def test_text_is_split_into_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        (None, NULL),
        (True, ("boolean", "true")),
        (False, ("boolean", "false")),
        (1, ("number", "1")),
        (1.0, ("number", "1")),
        (-0.0, ("number", "0")),
        (1.5, ("number", "1.5")),
        (1e22, ("number", "1" + "0" * 22)),
        (5e-324, ("number", "5e-324")),
        (10**999, ("number", "1" + "0" * 999)),
        ("", ("string", "")),
        ("1", ("string", "1")),
        ("x" * 1024, ("string", "x" * 1024)),
        ("x" * 1025, PRESENT),
    ],
)
def test_scalar_is_indexed_as_comparable_value(scalar: Any, value: Any) -> None:
    assert as_value(scalar) == Value(*value)


@given(SCALARS, SCALARS)
def test_indexed_values_are_equal_if_and_only_if_the_scalars_are(left: Any, right: Any) -> None:
    assert (as_value(left) == as_value(right)) is same(left, right)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", ("number", "12")),
        ("0012", ("number", "12")),
        ("000", ("number", "0")),
        ("0" * 5000 + "7", ("number", "7")),
        ("9" * 2000, PRESENT),
        ("-12", ("string", "-12")),
        ("1.0", ("string", "1.0")),
        ("12\n", ("string", "12\n")),
        ("\N{ARABIC-INDIC DIGIT ONE}", ("string", "\N{ARABIC-INDIC DIGIT ONE}")),
        ("", ("string", "")),
    ],
)
def test_digit_strings_are_numbers_in_a_time_stamp(text: str, value: Any) -> None:
    assert as_value(text, EPOCH) == Value(*value)


@pytest.mark.parametrize(
    ("scalar", "epoch"),
    [
        (5, 5),
        (5.0, 5),
        (-5, -5),
        ("5", 5),
        ("0005", 5),
        ("0" * 5000, 0),
        (2**63 - 1, 2**63 - 1),
        (str(2**63 - 1), 2**63 - 1),
        (-(2**63), -(2**63)),
        (2**63, None),
        (str(2**63), None),
        ("9" * 5000, None),
        (-(2**63) - 1, None),
        (1e300, None),
        (5.5, None),
        ("", None),
        ("-5", None),
        ("5\n", None),
        (True, None),
        (None, None),
        ([5], None),
        ({}, None),
    ],
)
def test_epoch_is_an_integer_of_64_bits(scalar: Any, epoch: int | None) -> None:
    assert as_epoch(scalar) == epoch
    assert not isinstance(as_epoch(scalar), float)


@pytest.mark.parametrize("kind", KINDS)
def test_any_document_can_be_indexed(kind: Kind) -> None:
    roots = [field.name for field in kind.fields]

    @given(OBJECTS, OBJECTS)
    def index(left: Any, right: Any) -> None:
        document = {**right, **dict.fromkeys(roots, left)}
        with unchanged(document):
            search_index(kind, document)
            search_index(kind, right)

    index()


def test_deeply_nested_document_is_indexed() -> None:
    deep = backup(free=nested(125, "bottom"))
    assert finds(BACKUPS, deep, "a", "bottom") is False
    assert "bottom" in search_index(BACKUPS, deep).words
    assert "bottom" in search_index(SESSIONS, {"jobs": {"j": nested(125, "bottom")}}).words
    path = "backup_metadata.free" + ".a" * 62
    assert finds(BACKUPS, deep, path, "bottom")


SMALL = {
    "nothing": {},
    "many values": {f"k{number}": number for number in range(100)},
    "one text": {"text": "word " * 1500},
    "short words": {"text": "a b c ΐ " * 800},
    "folded letters": {"text": "ΐ" * 3000},
    "control characters": {"\x01" * 300: "\x02" * 900},
    "long keys": {"k" * 1000: {"l" * 1000: {"m" * 1000: [1, "a", None, True, 1.5, {}, []]}}},
    "list below a long path": {"k" * 500: {"l" * 500: [*range(120)]}},
    "free keys at several depths": {"b": {"a": {"x": 1}}, "a": {"x": 2}, "x": 3, "c": [{"x": 4}, {"x": 3}]},
    "secrets": {"password": "p", "my_token": {"a": 1}, "t" * 100 + "secret": 2},
    "defined fields": {"description": "one two " * 900, "hostname": "h9"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_small_documents_have_the_index_that_checked_limits_give(kind: Kind) -> None:
    roots = [field.name for field in kind.fields]

    @given(OBJECTS, OBJECTS)
    def compare(left: Any, right: Any) -> None:
        # With fewer values the limits are checked; no document has as many.
        for document in ({**right, root: left} for root in roots):
            assert search_index(kind, document) == search_index(kind, document, 127)

    compare()
    for document in SMALL.values():
        for placed in (document, *({root: document} for root in roots)):
            assert search_index(kind, placed) == search_index(kind, placed, 127)


def size(index: Any) -> tuple[int, int]:
    """Return the bytes that SQL and a search engine keep of an index."""
    sql = index_text.entries(index) + index_text.texts(index)
    return len(sql.encode()), sum(len(term.encode()) for found in terms.fields(index).values() for term in found)


LARGE = {
    "a long key": {"k" * 1000: list(range(20_000))},
    "numbers": {"numbers": list(range(20_000))},
    "words": {"text": " ".join(f"{number:x}" for number in range(300_000))},
    "long values": {f"k{number}": f"{number} {'v' * 1000}" for number in range(3000)},
    "control characters": {f"k{number}": f"{number} " + "\x01" * 1000 for number in range(2000)},
    "long letters": {"text": " ".join(f"{'ΐ' * 5}{number}" for number in range(100_000))},
    "empty objects": {f"k{number}": {"a" * 500: {}} for number in range(20_000)},
    "objects": {f"{number}{'d' * 20}": [[{f"x{number}": number}]] for number in range(20_000)},
}


@pytest.mark.parametrize("metadata", LARGE.values(), ids=LARGE)
def test_index_of_a_document_is_bounded(metadata: Any) -> None:
    index = search_index(BACKUPS, backup(**metadata, hostname="h9", container="c9"))
    assert max(size(index)) < 2 * 1024 * 1024
    # Defined fields come first, regardless of their order, and those that the service sets are always included.
    assert Entry("backup_metadata.hostname", Value("string", "h9")) in index.entries
    assert {"h9", "c9"} <= index.words
    assert Entry("project_id", Value("string", "p1")) in index.entries


@pytest.mark.parametrize("text", [LARGE["words"]["text"], "tulip " * 300_000 + "rose"])
def test_description_and_its_index_are_bounded(text: str) -> None:
    index = search_index(SESSIONS, {**SESSION, "description": text})
    assert max(size(index)) < 2 * 1024 * 1024
    first, last = text.split(maxsplit=1)[0], text.rsplit(maxsplit=1)[-1]
    assert ("description", first) in index.described
    assert ("description", last) not in index.described
    assert index.members == SESSION["jobs"].keys()


def test_only_values_up_to_the_configured_number_are_searchable() -> None:
    document = backup(numbers=list(range(100)), text=["late"])
    index = search_index(BACKUPS, document, 50)
    found = {int(entry.value.text) for entry in index.entries if entry.name == "*numbers"}
    assert found == set(range(len(found)))
    assert 45 <= len(found) <= 50
    assert "late" not in index.words
    assert search_index(BACKUPS, document, 102).words >= {"late", "99"}


def test_ten_thousand_values_of_a_document_are_searchable() -> None:
    index = search_index(BACKUPS, backup(numbers=list(range(20_000))))
    found = {int(entry.value.text) for entry in index.entries if entry.name == "backup_metadata.numbers"}
    assert found == set(range(10_000))


def test_last_word_of_a_cut_text_is_not_searchable() -> None:
    index = search_index(BACKUPS, backup(text="rose " + "x" * (MAX_TEXT - 10) + " tulips"))
    assert "rose" in index.words
    assert not {word for word in index.words if word.startswith("tu")}
    cut = search_index(BACKUPS, backup(a="y" * (MAX_TEXT - 100), b="z" * 200))
    assert "z" * 200 not in cut.words | cut.values


def test_schedule_of_a_job_of_many_actions_is_searchable() -> None:
    actions = [{"freezer_action": {f"k{key}": f"v{number}" for key in range(20)}} for number in range(1000)]
    index = search_index(JOBS, {"job_actions": actions, **JOB, "job_schedule": {"status": "running"}})
    assert Entry("job_schedule.status", Value("string", "running")) in index.entries
    assert search_index(JOBS, {**JOB, "job_actions": actions}, 10).words.isdisjoint({"v999"})


def test_members_are_always_searchable_and_their_texts_are_counted() -> None:
    jobs = {f"j{number}": {"client_id": f"c{number}"} for number in range(100)}
    index = search_index(SESSIONS, {"session_id": "s1", "jobs": jobs}, 50)
    assert index.members == jobs.keys()
    assert "c1" in index.words
    assert "c99" not in index.words


def test_text_that_almost_fits_is_not_searchable() -> None:
    # At this length the index is full within the words of a text, not between two texts.
    texts = [f"{number:0700}x" for number in range(1500)]
    index = search_index(BACKUPS, backup(texts=texts))
    assert texts[0] in index.words
    assert texts[-1] not in index.words
    assert max(size(index)) < 2 * 1024 * 1024
