# SPDX-License-Identifier: Apache-2.0
"""Compare the requests to real servers with the golden files."""

import json

import pytest

from tests.stores import golden
from tests.support.needs import SEARCH, on
from tests.support.search.shared import SearchServers


@pytest.mark.parametrize("server", on(*SEARCH, slow=set(SEARCH) - {"elasticsearch9"}))
def test_fault_21_requests_are_those_of_the_golden_file(search_servers: SearchServers, server: str) -> None:
    sent = golden.requests(search_servers.named(server).url)

    assert sent == json.loads(golden.file_of(server[:-1]).read_text())
