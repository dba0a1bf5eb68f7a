"""The requests are those of the files."""

import json

import pytest

from tests.stores import golden
from tests.support.needs import SEARCH, on
from tests.support.search.shared import SearchServers


@pytest.mark.parametrize("engine", on(*SEARCH, slow=set(SEARCH) - {"elasticsearch9"}))
def test_fault_21_what_is_sent_is_what_was_agreed_on(search_servers: SearchServers, engine: str) -> None:
    sent = golden.requests(search_servers.named(engine).url)

    assert sent == json.loads(golden.file_of(engine[:-1], engine[-1]).read_text())


def test_versions_of_one_engine_are_spoken_to_alike() -> None:
    for engine, versions in (("elasticsearch", "89"), ("opensearch", "23")):
        first, second = (golden.file_of(engine, version).read_text() for version in versions)
        assert first == second
