# SPDX-License-Identifier: Apache-2.0
"""The documents that each condition matches."""

from dataclasses import replace

import pytest

from freezer_api.documents.search_index import PRESENT, Value
from freezer_api.errors import SearchTooLong
from freezer_api.operations.scope import Scope
from freezer_api.repository import query as q
from freezer_api.repository.protocol import Original
from tests.contract.asking import BACKUPS, CLIENTS, JOBS, SESSIONS, found, is_, job, keep, keys_of

NEVER = q.Any(())
ALWAYS = q.All(())


def backup(key, **metadata):
    return {"backup_id": key, "user_id": "ann", "backup_metadata": metadata}


def keep_values(repository, values):
    """Create a backup for each value: ``x`` is the value, and the key is the index of the value."""
    for number, value in enumerate(values):
        repository.create(BACKUPS, str(number), backup(str(number), x=value))


class TestIs:
    VALUES = (
        1,
        1.0,
        True,
        "1",
        "true",
        "",
        False,
        0,
        None,
        [],
        {},
        [1, "a"],
        [[2, None]],
        {"y": 1},
        "a",
        "A",
        0.1,
    )

    @pytest.mark.parametrize(
        ("asked", "numbers"),
        [
            (1, [0, 1, 11]),
            (1.0, [0, 1, 11]),
            (True, [2]),
            ("1", [3]),
            ("true", [4]),
            ("", [5]),
            (False, [6]),
            (0, [7]),
            (-0.0, [7]),
            (None, [8, 12]),
            ("a", [11, 14]),
            ("A", [15]),
            (2, [12]),
            (0.1, [16]),
            ("b", []),
            ("[]", []),
        ],
    )
    def test_value_matches_only_values_of_its_type_even_in_lists(self, repository, asked, numbers):
        keep_values(repository, self.VALUES)

        for name in ("backup_metadata.x", "*x"):
            assert found(repository, is_(name, asked), kind=BACKUPS) == list(map(str, numbers))

    def test_object_matches_no_value(self, repository):
        keep_values(repository, self.VALUES)

        assert found(repository, q.Is(("*x",), PRESENT), kind=BACKUPS) == []
        assert found(repository, q.Is((), Value("string", "a")), kind=BACKUPS) == []

    def test_value_does_not_match_a_part_of_another_value(self, repository):
        keep_values(repository, ["a", "ab", "b", "a b", "a%", "a_", "A", "a\0", "a\x1f", "\x1fa", " a", "a*", "á"])

        for asked, number in (("a", "0"), ("a%", "4"), ("a_", "5"), ("a\0", "7"), ("a\x1f", "8"), ("a*", "11")):
            assert found(repository, is_("*x", asked), kind=BACKUPS) == [number]

    def test_name_does_not_match_a_part_of_another_name(self, repository):
        documents = [
            {"x": {"y": "a"}},
            {"x.y": "a"},
            {"xx": {"y": "a"}},
            {"y": "a"},
            {"x": "y", "z": "a"},
            {"X.Y": "a"},
        ]
        for number, document in enumerate(documents):
            repository.create(BACKUPS, str(number), document)

        assert found(repository, is_("x.y", "a"), kind=BACKUPS) == ["0", "1"]
        assert found(repository, is_("y", "a"), kind=BACKUPS) == ["3"]
        assert found(repository, is_("*y", "a"), kind=BACKUPS) == ["0", "2", "3"]
        assert found(repository, is_("x.y", "a", "y"), kind=BACKUPS) == ["0", "1", "3"]
        assert found(repository, is_("z", "a", "x.y"), kind=BACKUPS) == ["0", "1", "4"]

    @pytest.mark.parametrize(
        "name", ["", ".", "a.", "$set", "_id", "k" * 1000, "\x1f", "\x1e", "\x1d", "\0", "%", "é\x1a"]
    )
    def test_any_name_can_be_searched(self, repository, name):
        repository.create(BACKUPS, "one", {name: "a"})
        repository.create(BACKUPS, "two", {name + "x": "a", "other": {name: "b"}})

        assert found(repository, is_(name, "a"), kind=BACKUPS) == ["one"]
        assert found(repository, is_("\ud800", "a"), kind=BACKUPS) == []

    @pytest.mark.parametrize(
        "value", ["\0", "\x1a", "\x1aS", "\x13", "\x1f\x1e\x1d", "\N{GRINNING FACE}", "e\u0301", "s" * 1024]
    )
    def test_any_value_can_be_searched(self, repository, value):
        keep_values(repository, [value, value[:-1] + "#", value + value, "\u00e9"])

        assert found(repository, is_("*x", value), kind=BACKUPS) == ["0"]
        assert found(repository, q.HasValue(value), kind=BACKUPS) == ["0"]

    def test_value_that_is_too_long_is_not_found(self, repository):
        keep_values(repository, ["s" * 1025])

        assert found(repository, is_("*x", "s" * 1025), kind=BACKUPS) == []
        assert found(repository, q.HasValue("s" * 1025), kind=BACKUPS) == []
        assert found(repository, q.HasWords(None, ("s" * 1025,)), kind=BACKUPS) == []
        assert found(repository, q.Missing(("*x",)), kind=BACKUPS) == []

    @pytest.mark.parametrize("number", [2**53 + 1, 2**63, 2**64 + 1, -(2**70), 10**999, 1e300, 5e-324])
    def test_any_number_can_be_searched(self, repository, number):
        keep_values(repository, [number, -number, 7])

        assert found(repository, is_("*x", number), kind=BACKUPS) == ["0"]

    def test_id_and_owners_can_be_searched(self, repository):
        keep(repository, "one", "two")
        repository.create(JOBS, "three", job("three", user_id="bob"))

        assert found(repository, is_("job_id", "two")) == ["two"]
        assert found(repository, is_("user_id", "ann")) == ["one", "two"]
        assert found(repository, is_("user_id", "bob", "project_id")) == ["three"]
        for value in (None, 1, "ANN", "ann ", "änn", "ann\0", "\N{GRINNING FACE}", "\ud800"):
            assert found(repository, is_("user_id", value)) == found(repository, is_("job_id", value)) == []

    def test_missing_owner_matches_no_value(self, repository):
        repository.create(JOBS, "one", {"job_id": "one"})

        assert found(repository, is_("user_id", "ann")) == []
        assert found(repository, q.Not(is_("user_id", "ann"))) == ["one"]
        assert found(repository, q.Missing(("user_id",))) == ["one"]

    def test_client_is_found_by_its_client_id_and_not_by_its_key(self, repository):
        repository.create(CLIENTS, "key", {"client": {"client_id": "host"}, "user_id": "ann"})

        assert found(repository, is_("client.client_id", "host"), kind=CLIENTS) == ["key"]
        assert found(repository, is_("client.client_id", "key"), kind=CLIENTS) == []

    def test_digits_in_a_time_stamp_match_the_equal_number(self, repository):
        for key, value in (("a", "0012"), ("b", 12), ("c", "12x"), ("d", "13")):
            repository.create(BACKUPS, key, backup(key, time_stamp=value))

        assert found(repository, is_("backup_metadata.time_stamp", 12), kind=BACKUPS) == ["a", "b"]


class TestAside:
    """Fields whose values are found by field name only, not by words of the document."""

    def test_value_of_an_aside_field_is_not_found_by_words(self, repository):
        repository.create(JOBS, "one", job("one", job_schedule={"current_pid": 31337}))
        repository.create(JOBS, "two", job("two", description="about 31337"))
        repository.create(BACKUPS, "three", {"user_name": "Ann Lee", "status": "creating", "backup_metadata": {}})

        assert found(repository, q.HasWords(None, ("31337",))) == ["two"]
        assert found(repository, q.HasValue("31337")) == []
        assert keys_of(repository.search(JOBS, q.Query(exact_first="31337"))) == ["one", "two"]
        for text in ("Ann Lee", "creating"):
            assert found(repository, q.HasValue(text), kind=BACKUPS) == []
        for word in ("ann", "lee", "creating"):
            assert found(repository, q.HasWords(None, (word,)), kind=BACKUPS) == []

    def test_value_of_an_aside_field_is_found_by_field_name(self, repository):
        repository.create(JOBS, "one", job("one", job_schedule={"current_pid": 31337}))
        repository.create(BACKUPS, "three", {"user_name": "Ann Lee", "status": "creating", "backup_metadata": {}})

        path = "job_schedule.current_pid"
        assert found(repository, is_(path, 31337)) == ["one"]
        assert found(repository, q.HasWords(path, ("31337",))) == ["one"]
        assert found(repository, q.HasWords(path, ("3133",))) == []
        assert found(repository, is_("user_name", "Ann Lee"), kind=BACKUPS) == ["three"]
        assert found(repository, q.HasWords("user_name", ("lee", "ann")), kind=BACKUPS) == ["three"]
        assert found(repository, q.HasWords("status", ("creating",)), kind=BACKUPS) == ["three"]


class TestHasClient:
    CLIENTS = (
        ("k1", "host", "red", None),
        ("k2", "host", "blue", None),
        ("k3", "p_host", "blue", "all_projects"),
        ("k4", "Host", "red", None),
    )

    @pytest.fixture
    def jobs(self, repository):
        for key, client_id, project, reach in self.CLIENTS:
            document = {"client": {"client_id": client_id}, "user_id": "ann", "project_id": project}
            repository.create(CLIENTS, key, document | ({"reach": reach} if reach else {}))
        repository.create(CLIENTS, "none", {"client": {}, "user_id": "ann", "project_id": "red"})
        for key, client_id in (("a", "host"), ("b", "p_host"), ("c", "Host"), ("d", "gone"), ("e", "hos")):
            repository.create(JOBS, key, job(key, client_id=client_id))
        repository.create(JOBS, "f", {"job_id": "f", "user_id": "ann", "project_id": "red"})

    @pytest.mark.usefixtures("jobs")
    def test_job_matches_only_the_client_with_its_whole_client_id(self, repository):
        red, blue = (q.HasClient(is_("project_id", project)) for project in ("red", "blue"))
        central = q.HasClient(is_("reach", "all_projects"))

        assert found(repository, red) == ["a", "c"]
        assert found(repository, blue) == ["a", "b"]
        assert found(repository, central) == ["b"]
        assert found(repository, q.HasClient(ALWAYS)) == ["a", "b", "c"]
        assert found(repository, q.HasClient(NEVER)) == []
        assert found(repository, q.HasClient(is_("client.client_id", "gone"))) == []
        assert found(repository, q.Not(red)) == ["b", "d", "e", "f"]
        assert found(repository, q.All((blue, q.Not(red)))) == ["b"]
        assert found(repository, q.Any((central, is_("client_id", "gone")))) == ["b", "d"]
        assert found(repository, q.HasClient(q.All((is_("project_id", "blue"), is_("reach", "x"))))) == []
        assert found(repository, q.HasClient(q.Not(is_("project_id", "red")))) == ["a", "b"]

    @pytest.mark.usefixtures("jobs")
    def test_pages_contain_only_matches(self, repository):
        query = q.Query((q.HasClient(is_("project_id", "blue")),), limit=1, with_total=True)
        page = repository.search(JOBS, query)
        assert (keys_of(page), page.total) == (["a"], 2)
        page = repository.search(JOBS, replace(query, after=page.next))
        assert (keys_of(page), page.total, page.next) == (["b"], 2, None)


class TestMissing:
    def test_absent_and_null_are_missing(self, repository):
        keep_values(repository, [None, "", [], {}, False, "y" * 1025, [None], [1, None]])
        repository.create(BACKUPS, "absent", backup("absent"))

        assert found(repository, q.Missing(("backup_metadata.x",)), kind=BACKUPS) == ["0", "6", "7", "absent"]
        assert found(repository, q.Missing(("*x",)), kind=BACKUPS) == ["0", "6", "7", "absent"]

    def test_missing_with_several_names_needs_all_of_them_missing(self, repository):
        for key, document in {
            "a": {"x": 1},
            "b": {"y": 1},
            "c": {},
            "d": {"x": 1, "y": None},
            "xx": {"xx": 1},
        }.items():
            repository.create(BACKUPS, key, document)

        assert found(repository, q.Missing(("x", "y")), kind=BACKUPS) == ["c", "d", "xx"]
        assert found(repository, q.Missing(()), kind=BACKUPS) == ["a", "b", "c", "d", "xx"]

    def test_object_is_not_missing(self, repository):
        repository.create(BACKUPS, "one", {"x": {"y": None}})

        assert found(repository, q.Missing(("x",)), kind=BACKUPS) == []
        assert found(repository, q.Missing(("x.y",)), kind=BACKUPS) == ["one"]

    def test_missing_treats_members_and_words_as_no_names(self, repository):
        repository.create(SESSIONS, "one", {"jobs": {"job1": {"status": "x"}}, "description": "words here"})

        assert found(repository, q.Missing(("",)), kind=SESSIONS) == ["one"]
        assert found(repository, q.Missing(("*description",)), kind=SESSIONS) == ["one"]


class TestWords:
    def test_words_are_found_in_the_whole_document(self, repository):
        keep(repository, "one", description="Full Backup, of: the_Database")
        keep(repository, "two", description="backup", free=[{"x": "FULL"}], n=12, b=True)

        for words, keys in {
            ("full", "backup"): ["one", "two"],
            ("backup", "full", "full"): ["one", "two"],
            ("database",): ["one"],
            ("data",): [],
            ("description",): [],
            ("12", "true"): ["two"],
            (): ["one", "two"],
            ("full backup",): [],
            ("\x1f",): [],
            ("full\x1fbackup",): [],
            ("\ud800",): [],
        }.items():
            assert found(repository, q.HasWords(None, words)) == keys

    def test_words_are_found_in_one_field(self, repository):
        keep(repository, "one", description="Full Backup", free="database")
        keep(repository, "two", description="backup", free="full")

        for words, keys in {
            ("backup",): ["one", "two"],
            ("full", "backup"): ["one"],
            ("database",): [],
            (): ["one", "two"],
        }.items():
            assert found(repository, q.HasWords("description", words)) == keys
        assert found(repository, q.HasWords("free", ("full",))) == []

    def test_case_is_ignored_by_the_rules_of_unicode(self, repository):
        keep(repository, "one", description="Straße ÀÉÎ")

        assert found(repository, q.HasWords(None, ("strasse", "àéî"))) == ["one"]

    @pytest.mark.parametrize("path", [None, "description"])
    def test_maximum_number_of_words_is_accepted(self, repository, path):
        words = tuple(f"w{n}" for n in range(q.MAX_WORDS))
        keep(repository, "one", description=" ".join((*words, "more")))
        keep(repository, "two", description=" ".join(words[:-1]))

        assert found(repository, q.HasWords(path, words)) == ["one"]
        assert found(repository, q.HasWords(path, words[:-1])) == ["one", "two"]
        assert found(repository, q.Not(q.HasWords(path, words))) == ["two"]

    def test_words_with_control_characters_match_nothing(self, repository):
        keep(repository, "one", description="plain")
        odd = tuple(f'"\\\0\x1f{n}' for n in range(40))

        assert found(repository, q.HasWords(None, odd)) == []


class TestValues:
    def test_values_are_found_at_any_depth(self, repository):
        keep_values(
            repository, ["Full Backup", ["Full Backup"], {"y": {"z": "Full Backup"}}, "full backup", "Full"]
        )

        assert found(repository, q.HasValue("Full Backup"), kind=BACKUPS) == ["0", "1", "2"]

    def test_text_finds_equal_numbers_and_booleans(self, repository):
        keep_values(repository, [12, "12", 12.0, True, "true", None, "null", 1.5])

        for text, keys in {"12": ["0", "1", "2"], "true": ["3", "4"], "null": ["6"], "1.5": ["7"]}.items():
            assert found(repository, q.HasValue(text), kind=BACKUPS) == keys

    @pytest.mark.parametrize("text", ["", "--", "\x1e", "\ud800", "x" * 5000])
    def test_any_text_can_be_searched(self, repository, text):
        keep_values(repository, ["a"])

        assert found(repository, q.HasValue(text), kind=BACKUPS) == []


UNUSUAL = [
    *("\\", "\\u001f", "\\\\x1f", '"', "'", "*/", "a|b", ".", "x*", "(", "[a-z]", "$", "^", "#", "%s", "%", ":p0"),
    *("\x1f", "\x1e", "\x1d", "\x1a", "\x1a!", "\x00", "\n", "\t", "é", "e\u0301", "漢", "😀", "\ud800", "", " "),
    *("?", "  ", "a", "ab", "abc", "aB", "b" * 1024, "漢" * 1024, "null", "true"),
]
"""Values that need escaping in a regular expression, in JSON or in an SQL statement."""


class TestManyUnwanted:
    """Many excluded values, which the SQL stores combine into one condition."""

    @pytest.mark.parametrize("first", range(0, len(UNUSUAL), 6))
    def test_excluded_values_exclude_only_documents_that_have_one(self, repository, first):
        stored = [text for text in UNUSUAL if text != "\ud800"]
        for number, text in enumerate(stored):
            repository.create(BACKUPS, f"{number:03}", backup(f"{number:03}", x=["other", text]))
        unwanted = UNUSUAL[first : first + 6]
        never = [q.Not(is_("*x", f"never {text}")) for text in UNUSUAL]
        found_ = found(repository, *(q.Not(is_("*x", text)) for text in unwanted), *never, kind=BACKUPS)
        assert found_ == [f"{number:03}" for number, text in enumerate(stored) if text not in unwanted]

    def test_exclusions_by_name_word_and_value_can_be_combined(self, repository):
        texts = ("one", "two", "three", "four", "five", "six")
        for number, text in enumerate(texts):
            repository.create(BACKUPS, str(number), backup(str(number), **{f"k{number}": number, "note": text}))
        names = [q.Not(is_(f"*k{number}", number % 2, f"backup_metadata.k{number}")) for number in range(6)]
        assert found(repository, *names, kind=BACKUPS) == ["2", "3", "4", "5"]
        words = [q.Not(q.HasWords(None, (word,))) for word in ("ONE".lower(), "x", "y", "z", "three", "hre", "w")]
        assert found(repository, *words, kind=BACKUPS) == ["1", "3", "4", "5"]
        both = [q.Not(q.HasWords(None, ("four", "note"))), q.Not(q.HasWords(None, ("five",)))]
        assert found(repository, *names, *words, *both, q.Not(q.HasValue("six")), kind=BACKUPS) == ["3"]

    def test_sessions_with_excluded_members_are_not_found(self, repository):
        for number in range(8):
            session = {"session_id": f"s{number}", "user_id": "ann", "jobs": {f"j{number}": {}, "all": {}}}
            repository.create(SESSIONS, f"s{number}", session)
        assert found(repository, *(q.Not(q.HasMember(f"j{number}")) for number in range(1, 8)), kind=SESSIONS) == [
            "s0"
        ]

    def test_excluded_words_of_one_field_and_excluded_alternatives_work(self, repository):
        for number in range(8):
            client = {"client": {"client_id": f"c{number}", "description": f"host number{number}"}, "user_id": "a"}
            repository.create(CLIENTS, f"c{number}", client)
        words = [q.Not(q.HasWords("client.description", (f"number{number}",))) for number in range(6)]
        assert found(repository, *words, kind=CLIENTS) == ["c6", "c7"]
        either = [q.Not(q.Any((word.condition, is_("client.client_id", "c7")))) for word in words]
        assert found(repository, *either, kind=CLIENTS) == ["c6"]
        assert found(repository, *either, q.Not(NEVER), q.Not(q.Missing(("x",))), kind=CLIENTS) == []

    def test_100_excluded_values_of_maximum_length_are_accepted(self, repository):
        keep_values(repository, ["漢" * 1024, "b"])
        unwanted = [q.Not(is_("*x", f"{number:04}" + "漢" * 1020, "x" * 1000)) for number in range(100)]
        assert found(repository, *unwanted, kind=BACKUPS) == ["0", "1"]
        assert found(repository, *unwanted[1:], q.Not(is_("*x", "漢" * 1024)), kind=BACKUPS) == ["1"]

    def test_document_of_9000_values_is_excluded_by_any_of_them(self, repository):
        numbers = {f"x{number}": number for number in range(9_000)}
        repository.create(BACKUPS, "0", backup("0", **numbers))
        unwanted = [q.Not(is_(f"*x{number}", number + 1)) for number in range(99)]
        assert found(repository, *unwanted, kind=BACKUPS) == ["0"]
        assert found(repository, *unwanted, q.Not(is_("*x8999", 8999)), kind=BACKUPS) == []


def test_search_is_stopped_at_its_time_limit(repository):
    """Comparing 1,000 documents with 100 conditions takes longer than the shortest possible limit."""
    originals = [
        Original(str(key), backup(str(key), **{f"x{number}": key for number in range(40)}), 1, key)
        for key in range(1000)
    ]
    assert all(repository.restore(BACKUPS, originals))
    unwanted = tuple(q.Not(is_(f"unknown{number}", number)) for number in range(100))
    assert repository.search(BACKUPS, q.Query(unwanted, limit=1, with_total=True, max_seconds=60)).total == 1000
    for _ in range(3):
        with pytest.raises(SearchTooLong):
            repository.search(BACKUPS, q.Query(unwanted, with_total=True, max_seconds=1e-6))
    # The error does not count as an outage of the store, and the connection remains usable.
    assert repository.search(BACKUPS, q.Query(limit=1, max_seconds=60)).items
    repository.check()


def test_session_is_found_by_the_id_of_a_member(repository):
    repository.create(SESSIONS, "one", {"jobs": {"j1": {}, "j2": {"status": "j3"}}})
    repository.create(SESSIONS, "two", {"jobs": {"j2": {}}, "x": "j1"})
    repository.create(SESSIONS, "three", {})

    for member, keys in {"j1": ["one"], "j2": ["one", "two"], "j3": [], "j": [], "": [], "\ud800": []}.items():
        assert found(repository, q.HasMember(member), kind=SESSIONS) == keys
    assert found(repository, q.Not(q.HasMember("j1")), kind=SESSIONS) == ["two", "three"]


class TestBetween:
    STAMPS = (5, "10", 15.0, -(2**63), 2**63 - 1, 2**63, "", None, True, "x", 10.5, [10])

    @pytest.mark.parametrize(
        ("after", "before", "numbers"),
        [
            (5, 15, [0, 1, 2]),
            (6, 14, [1]),
            (10, 10, [1]),
            (15, 5, []),
            (None, 5, [0, 3]),
            (15, None, [2, 4]),
            (None, None, [0, 1, 2, 3, 4]),
            (2**63 - 1, None, [4]),
            (2**63, None, []),
            (None, -(2**63) - 1, []),
            (-(10**30), 10**30, [0, 1, 2, 3, 4]),
            (10**30, -(10**30), []),
        ],
    )
    def test_bounds_are_inclusive(self, repository, after, before, numbers):
        for number, stamp in enumerate(self.STAMPS):
            repository.create(BACKUPS, str(number), backup(str(number), time_stamp=stamp))
        repository.create(BACKUPS, "none", {})
        outside = [str(n) for n in range(len(self.STAMPS)) if n not in numbers]

        assert found(repository, q.Between(after, before), kind=BACKUPS) == list(map(str, numbers))
        assert found(repository, q.Not(q.Between(after, before)), kind=BACKUPS) == [*outside, "none"]

    def test_kind_without_time_stamp_matches_nothing(self, repository):
        keep(repository, "one", time_stamp=5)

        assert found(repository, q.Between(None, None)) == []


class TestTogether:
    @pytest.fixture(autouse=True)
    def _stored(self, repository):
        for key, x, y in (("a", 1, 1), ("b", 1, 2), ("c", 2, 1)):
            repository.create(JOBS, key, job(key, x=x, y=y))
        repository.create(JOBS, "d", job("d"))

    @pytest.mark.parametrize(
        ("condition", "keys"),
        [
            (NEVER, ""),
            (ALWAYS, "abcd"),
            (q.Not(NEVER), "abcd"),
            (q.Not(ALWAYS), ""),
            (q.All((is_("x", 1), is_("y", 1))), "a"),
            (q.Any((is_("x", 2), is_("y", 2))), "bc"),
            (q.Not(is_("x", 1)), "cd"),
            (q.Not(q.Not(is_("x", 1))), "ab"),
            (q.Not(q.Any((is_("x", 2), is_("y", 2)))), "ad"),
            (q.Not(q.All((is_("x", 1), is_("y", 1)))), "bcd"),
            (q.Not(q.Missing(("x",))), "abc"),
            (q.Any((NEVER, q.All((ALWAYS, is_("x", 2))))), "c"),
            (q.Any((q.Not(is_("x", 1)), q.Not(is_("y", 1)))), "bcd"),
        ],
    )
    def test_conditions_can_be_combined(self, repository, condition, keys):
        assert found(repository, condition) == list(keys)
        assert found(repository, condition, ALWAYS) == list(keys)
        assert found(repository, condition, q.Not(condition)) == []

    def test_document_must_match_all_conditions_of_a_search(self, repository):
        assert found(repository, is_("x", 1), is_("y", 1), is_("user_id", "ann")) == ["a"]
        assert found(repository, is_("x", 1), is_("user_id", "bob")) == []

    def test_maximum_number_of_conditions_is_accepted(self, repository):
        each = tuple(q.Not(is_(f"name{n}", n, f"*name{n}")) for n in range(q.MAX_CONDITIONS - 1))

        assert found(repository, *each, is_("x", 1)) == ["a", "b"]
        assert found(repository, q.Any((*map(q.Not, each), is_("x", 1)))) == ["a", "b"]
        assert found(repository, q.Not(q.Any(tuple(map(q.Not, each))))) == list("abcd")

    def test_maximum_depth_of_conditions_is_accepted(self, repository):
        condition = is_("x", 1)
        for _ in range(q.MAX_DEPTH // 4):
            condition = q.Not(q.Any((NEVER, q.All((ALWAYS, q.Not(condition))))))

        assert found(repository, condition) == ["a", "b"]


@pytest.mark.parametrize("status", ["completed", "scheduled", "", None, ...])
def test_search_can_exclude_completed_jobs(repository, status):
    schedule = {} if status is ... else {"status": status}
    keep(repository, "one", job_schedule=schedule)
    completed = is_("job_schedule.status", "completed")

    assert found(repository, completed) == (["one"] if status == "completed" else [])
    assert found(repository, q.Not(completed)) == ([] if status == "completed" else ["one"])
    assert found(repository, q.Not(is_("job_schedule.status", "completed", "x"))) == found(
        repository, q.Not(completed)
    )
    assert found(repository, q.Not(q.Is(("job_schedule.status",), Value("boolean", "completed")))) == ["one"]
    assert found(repository, is_("user_id", "ann"), is_("client_id", "host"), q.Not(completed)) == found(
        repository, q.Not(completed)
    )


def test_secrets_are_not_found(repository):
    keep(repository, "one", os_password="hidden", x={"Token": ["hidden"], "my_secret_y": {"z": "hidden"}})

    for condition in (
        q.HasValue("hidden"),
        q.HasWords(None, ("hidden",)),
        is_("os_password", "hidden", "*os_password"),
        is_("x.Token", "hidden", "*Token", "*z"),
    ):
        assert found(repository, condition) == []


def test_search_finds_only_documents_of_its_kind(repository):
    keep(repository, "one")
    repository.create(BACKUPS, "two", backup("two"))

    assert found(repository, kind=BACKUPS) == ["two"]
    assert keys_of(repository.search(SESSIONS, q.Query())) == []


def test_scope_of_a_user_includes_documents_without_a_project(repository):
    owners = [("ann", "red"), ("ann", "blue"), ("ann", None), ("bob", "red"), ("bob", None), ("ann", "")]
    for number, (user_id, project_id) in enumerate(owners):
        repository.create(JOBS, str(number), {**job(str(number)), "user_id": user_id, "project_id": project_id})
    absent = job("absent")
    del absent["project_id"]
    repository.create(JOBS, "absent", absent)

    in_scope = {
        project_id: found(repository, Scope("user_id", "ann", "ann", project_id).condition)
        for project_id in ("red", "blue", "green", None)
    }
    assert in_scope == {
        "red": ["0", "2", "absent"],
        "blue": ["1", "2", "absent"],
        "green": ["2", "absent"],
        None: ["2", "absent"],
    }
    assert found(repository, Scope("user_id", "ann", "ann", "red").condition, is_("client_id", "other")) == []
    assert found(repository, q.Not(Scope("user_id", "ann", "ann", "red").condition)) == ["1", "3", "4", "5"]
