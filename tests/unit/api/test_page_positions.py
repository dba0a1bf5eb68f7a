# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest

from freezer_api.api.page_positions import LOCAL_TTL, MAX_POSITIONS, Listing, LocalMemory, PagePositions
from freezer_api.documents.search_index import Value
from freezer_api.operations.scope import Scope
from freezer_api.repository.protocol import Page, Stored
from freezer_api.repository.query import Between, Is, Position, Query
from tests.support.clock import Clock

END = Position(1, 10, "j10")
LISTING = Listing("token", "jobs", Scope("project_id", "p", "u", "p"), None, Query(limit=10))
PAGE = Page([Stored(f"j{number}", {}, 1, "t", number) for number in range(10)], END, True, None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def positions(clock: Clock) -> PagePositions:
    return PagePositions(LocalMemory(clock))


def at(offset: int, **changes: object) -> Listing:
    query = replace(LISTING.query, offset=offset)
    return replace(replace(LISTING, query=query), **changes)


def test_next_page_continues_behind_the_last_document(positions: PagePositions) -> None:
    positions.remember(LISTING, PAGE)
    assert positions.continued(at(10)) == replace(LISTING.query, after=END)
    assert positions.continued(at(20)) == at(20).query
    assert positions.continued(LISTING) == LISTING.query


@pytest.mark.parametrize(
    "other",
    [
        at(10, reader="another token"),
        at(10, kind="actions"),
        at(10, query=Query((Between(-1, None),), limit=10, offset=10)),
        at(10, scope=Scope("user_id", "u", "u", "p")),
        at(10, all_projects="true"),
        at(10, query=Query(limit=9, offset=10)),
        at(10, query=Query((Is(("a",), Value("string", "b")),), limit=10, offset=10)),
        at(10, query=Query(exact_first="x", limit=10, offset=10)),
    ],
)
def test_position_applies_to_the_same_list_of_the_same_reader(positions: PagePositions, other: Listing) -> None:
    positions.remember(LISTING, PAGE)
    # The hashes of -1 and -2 are equal.
    positions.remember(replace(LISTING, query=Query((Between(-2, None),), limit=10)), PAGE)
    assert positions.continued(other) == other.query
    positions.remember(replace(other, query=replace(other.query, offset=0)), PAGE)
    assert positions.continued(other).after == END


def test_old_position_is_not_used(positions: PagePositions, clock: Clock) -> None:
    positions.remember(LISTING, PAGE)
    clock.now += LOCAL_TTL
    assert positions.continued(at(10)) == at(10).query


def test_full_last_page_is_continued(positions: PagePositions) -> None:
    positions.remember(LISTING, replace(PAGE, has_more=False))
    assert positions.continued(at(10)).after == END


@pytest.mark.parametrize(
    ("listing", "page"),
    [
        (LISTING, replace(PAGE, items=PAGE.items[:9], has_more=False)),
        (LISTING, Page([], None, False, None)),
        (replace(LISTING, query=Query(limit=10, after=END)), PAGE),
    ],
)
def test_short_pages_and_pages_by_marker_are_not_remembered(
    positions: PagePositions, listing: Listing, page: Page
) -> None:
    positions.remember(listing, page)
    offset = len(page.items) or 10
    assert positions.continued(at(offset)) == at(offset).query


def test_oldest_positions_are_forgotten(positions: PagePositions) -> None:
    for offset in range(0, 10 * MAX_POSITIONS + 10, 10):
        positions.remember(at(offset), PAGE)
    found = [positions.continued(at(offset)).after for offset in (10, 20, 10 * MAX_POSITIONS + 10)]
    assert found == [None, END, END]
