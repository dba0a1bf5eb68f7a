# SPDX-License-Identifier: Apache-2.0
"""The order, pages and total of a search."""

import pytest

from freezer_api.repository import query as q
from tests.contract.asking import JOBS, is_, job, keep, keys_of

KEYS = ["m", "b", "z", "a", "y", "c", "x"]
EXACT = "Full Backup"
RANKED = ["b", "y", "m", "z", "a", "c", "x"]
"""The keys of the fixture ``ranked``, those of documents with the exact value first."""


@pytest.fixture
def stored(repository):
    return keep(repository, *KEYS)


@pytest.fixture
def ranked(repository):
    for key in KEYS:
        text = EXACT if key in ("b", "y") else EXACT + " of all"
        repository.create(JOBS, key, job(key, description=text))


def ask(repository, *conditions, **more):
    return repository.search(JOBS, q.Query(conditions, **more))


def walk(repository, limit, **more):
    """Return the keys of all pages; each page begins at the position that the previous page returned."""
    keys, after = [], None
    while True:
        page = ask(repository, limit=limit, after=after, **more)
        assert 0 < len(page.items) <= limit
        keys += keys_of(page)
        if page.next is None:
            return keys
        assert len(page.items) == limit
        after = page.next


def test_empty_store_has_an_empty_page(repository):
    page = ask(repository, with_total=True)

    assert (list(page.items), page.next, page.total) == ([], None, 0)


def test_documents_are_listed_in_the_order_of_creation(repository, stored):
    page = ask(repository)

    assert list(page.items) == stored
    assert page.next is None


def test_total_is_returned_only_on_request(repository, stored):
    assert ask(repository).total is None
    assert ask(repository, limit=2, offset=3, with_total=True).total == len(KEYS)


@pytest.mark.parametrize("more", [{}, {"exact_first": EXACT}], ids=["plain", "ranked"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
def test_pages_together_are_the_whole_list(repository, ranked, limit, more):
    whole = RANKED if more else KEYS
    by_offset = [
        key
        for offset in range(0, len(KEYS), limit)
        for key in keys_of(ask(repository, limit=limit, offset=offset, **more))
    ]

    assert keys_of(ask(repository, limit=1000, **more)) == whole
    assert by_offset == whole
    assert walk(repository, limit, **more) == whole


@pytest.mark.parametrize("more", [{}, {"exact_first": EXACT}], ids=["plain", "ranked"])
def test_offset_is_relative_to_the_position(repository, ranked, more):
    whole = RANKED if more else KEYS
    after = ask(repository, limit=2, **more).next

    page = ask(repository, limit=2, offset=1, after=after, with_total=True, **more)
    assert keys_of(page) == whole[3:5]
    assert page.total == len(KEYS)


@pytest.mark.parametrize("offset", [7, 8, 10**6, 2**63 - 1, 2**63, 10**30])
@pytest.mark.parametrize("limit", [1, 2**31, 2**63 - 1, 10**30])
def test_offset_beyond_the_end_has_an_empty_page(repository, stored, offset, limit):
    page = ask(repository, limit=limit, offset=offset, with_total=True)

    assert (list(page.items), page.next, page.total) == ([], None, len(KEYS))


def test_full_last_page_has_no_next_position(repository, stored):
    assert ask(repository, limit=len(KEYS)).next is None
    assert ask(repository, limit=1, offset=len(KEYS) - 1).next is None


@pytest.mark.parametrize("more", [{}, {"exact_first": EXACT}], ids=["plain", "ranked"])
def test_last_page_ends_before_documents_created_later(repository, ranked, more):
    end = ask(repository, **more).end
    assert keys_of(ask(repository, after=end, **more)) == []
    repository.create(JOBS, "new", job("new"))

    assert keys_of(ask(repository, after=end, **more)) == ["new"]


@pytest.mark.parametrize("more", [{}, {"exact_first": EXACT}], ids=["plain", "ranked"])
@pytest.mark.parametrize("limit", range(1, 7))
def test_position_of_a_deleted_document_is_valid(repository, ranked, limit, more):
    whole = RANKED if more else KEYS
    after = ask(repository, limit=limit, **more).next
    for key in whole[: limit + 1]:
        repository.delete(JOBS, key, repository.get(JOBS, key).token)

    assert keys_of(ask(repository, after=after, **more)) == whole[limit + 1 :]


def test_changes_before_a_position_do_not_change_its_next_page(repository, stored):
    after = ask(repository, limit=3).next
    repository.delete(JOBS, "b", stored[1].token)
    keep(repository, "b", "new")

    assert keys_of(ask(repository, after=after)) == ["a", "y", "c", "x", "b", "new"]


def test_position_consists_of_rank_creation_time_and_key(repository, stored):
    positions = [ask(repository, limit=1, offset=n).next for n in range(len(KEYS) - 1)]

    assert [position.key for position in positions] == KEYS[:-1]
    assert [position.rank for position in positions] == [1] * len(positions)
    assert [position.created for position in positions] == sorted({position.created for position in positions})


def test_exact_matches_have_a_lower_rank_than_others(repository, ranked):
    assert [ask(repository, limit=1, offset=n, exact_first=EXACT).next.rank for n in (0, 1, 2)] == [0, 0, 1]


@pytest.mark.parametrize(
    ("position", "keys"),
    [
        (q.Position(1, 0, ""), KEYS),
        (q.Position(1, -(10**30), "zzz"), KEYS),
        (q.Position(1, 10**30, ""), []),
        (q.Position(0, 2**63 - 1, "\N{GRINNING FACE}\ud800"), []),
    ],
)
def test_arbitrary_position_is_accepted(repository, stored, position, keys):
    assert keys_of(ask(repository, after=position)) == keys


@pytest.mark.parametrize(
    ("rank", "keys"), [(-(10**30), RANKED), (0, ["m", "z", "a", "c", "x"]), (1, []), (10**30, [])]
)
def test_position_with_an_arbitrary_rank_is_accepted(repository, ranked, rank, keys):
    assert keys_of(ask(repository, after=q.Position(rank, 2**62, "x"), exact_first=EXACT)) == keys


def test_documents_created_at_the_same_time_are_ordered_by_key(repository, stored):
    first = ask(repository, limit=1).next

    assert keys_of(ask(repository, limit=1, after=first._replace(key="l"))) == ["m"]
    assert keys_of(ask(repository, limit=1, after=first._replace(key="m"))) == ["b"]
    assert keys_of(ask(repository, limit=1, after=first._replace(key="n"))) == ["b"]
    assert keys_of(ask(repository, limit=1, after=first._replace(created=first.created - 1, key="z"))) == ["m"]


@pytest.mark.parametrize("exact", ["", "\x1e", "nowhere", "x" * 5000, "full backup", "Full", "\ud800"])
def test_exact_first_without_an_exact_match_keeps_the_order(repository, ranked, exact):
    assert keys_of(ask(repository, exact_first=exact)) == KEYS
    assert walk(repository, 2, exact_first=exact) == KEYS


def test_conditions_apply_to_pages_and_total(repository, ranked):
    page = ask(
        repository,
        q.HasWords(None, ("full",)),
        q.Not(is_("job_id", "y")),
        limit=2,
        exact_first=EXACT,
        with_total=True,
    )

    assert keys_of(page) == ["b", "m"]
    assert page.total == len(KEYS) - 1
    assert keys_of(ask(repository, q.Not(is_("job_id", "y")), after=page.next, exact_first=EXACT)) == [
        "z",
        "a",
        "c",
        "x",
    ]
