# SPDX-License-Identifier: Apache-2.0
"""Two services on one store that may fail."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.needs import on
from tests.support.search.cluster import Cluster
from tests.support.search.shared import SearchServers
from tests.support.service import Service, search_store

DEADLINE = 3
"""The store deadline, in seconds, of services whose store is unavailable for a while."""

Start = Callable[..., tuple[Service, Service]]


@pytest.fixture
def start_both(tmp_path: Path) -> Iterator[Start]:
    """Start two services with this configuration file."""
    started: list[Service] = []

    def start(config: Path) -> tuple[Service, Service]:
        both = (
            Service(tmp_path / "one", "--workers", "2", config=config),
            Service(tmp_path / "two", "--workers", "2", config=config),
        )
        for service in both:
            started.append(service)
            service.start()
        return both

    yield start
    for service in started:
        service.end()


@pytest.fixture
def start_services(tmp_path: Path, start_both: Start) -> Start:
    """Start two services on the search server at this URL."""
    return lambda url, deadline=DEADLINE, **options: start_both(
        search_store(tmp_path, url, deadline=deadline, **options)
    )


@pytest.fixture(scope="module", params=on("elasticsearch9", "opensearch3"))
def node(request: pytest.FixtureRequest, search_servers: SearchServers) -> Iterator[Cluster]:
    """A search server that tests may stop or damage. Each test leaves it running."""
    with search_servers.cluster(request.param[:-1], request.param[-1], nodes=1) as cluster:
        yield cluster
