# SPDX-License-Identifier: Apache-2.0
"""A search that a real server stops at its time limit."""

import pytest

from freezer_api.errors import SearchTooLong
from freezer_api.repository.elastic.repository import _TimeLimit
from freezer_api.repository.protocol import Original
from tests.contract import elastic
from tests.contract.asking import BACKUPS
from tests.support.needs import SEARCH, on

SLOW = {
    "query": {
        "bool": {
            "must_not": [{"wildcard": {"entries": {"value": f"*{n}*a*b*z*{n}*"}}} for n in range(300)],
        }
    },
    "sort": [{"created": "asc"}, {"key": "asc"}],
    "track_total_hits": True,
    "size": 10,
}
"""A search that compares 60,000 terms with 300 patterns and takes seconds."""


@pytest.mark.parametrize("engine", on(*SEARCH, slow=set(SEARCH) - {"elasticsearch9"}))
def test_search_stopped_by_the_server_raises_search_too_long(
    engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    repository = elastic.open_repository(elastic.make(engine))
    try:
        originals = [
            Original(
                f"k{key}",
                {
                    "backup_id": f"k{key}",
                    "backup_metadata": {f"x{n}": f"{key}-{n}-abcdefghijk" for n in range(20)},
                },
                1,
                key,
            )
            for key in range(3000)
        ]
        assert all(repository.restore(BACKUPS, originals))
        with pytest.raises(SearchTooLong, match=r"0\.05 s, the limit set by \[api\] max_search_time"):
            repository._search(BACKUPS, SLOW, _TimeLimit(0.05, 10.0))
        with pytest.raises(SearchTooLong, match=r"0\.05 s, the limit set by .* and the store's deadline"):
            repository._search(BACKUPS, SLOW, _TimeLimit(10.0, 0.05))
        assert caplog.messages == []
        repository.check()
        assert repository.get(BACKUPS, "k1") is not None
    finally:
        repository.close()
