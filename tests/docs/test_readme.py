# SPDX-License-Identifier: Apache-2.0
"""The commands of the README print the output that it shows, and its links exist."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import console
from tests.support.needs import SEARCH, on
from tests.support.search.shared import SearchServers
from tests.support.service import Service, search_store

README = console.ROOT / "README.rst"


@pytest.fixture(params=on("sqlite", *SEARCH, slow=("elasticsearch8", "opensearch2", "opensearch3")))
def services(
    request: pytest.FixtureRequest, tmp_path: Path, search_servers: SearchServers
) -> Iterator[tuple[Service, Service]]:
    """Return two services that share a store."""
    config = None
    if request.param != "sqlite":
        config = search_store(tmp_path, search_servers.named(request.param).url)
    both = (Service(tmp_path / "data", config=config), Service(tmp_path / "data", config=config))
    for service in both:
        service.start()
    yield both
    for service in both:
        service.end()


def test_tour_prints_output_of_readme(services: tuple[Service, Service]) -> None:
    tour = [command for block in console.blocks(README.read_text()) for command in console.commands(block)]
    assert len(tour) > 15
    run = console.Run()
    for command, service in zip(tour, itertools.cycle(services)):
        output = console.normalised(run.printed(command, service.url.removeprefix("http://")))
        assert output == console.normalised(command.output), command.lines


def test_links_lead_to_files() -> None:
    links = re.findall(r"`[^`<]+<([^>`]+)>`_", README.read_text())
    assert len(links) > 5
    assert [link for link in links if "://" not in link and not (console.ROOT / link).is_file()] == []


def test_list_of_decisions_is_complete() -> None:
    directory = console.ROOT / "doc" / "adr"
    listed = re.findall(r"^\* `\d{4} <(\S+)>`_", (directory / "README.rst").read_text(), re.MULTILINE)
    assert listed == sorted(path.name for path in directory.glob("0*.rst"))


def test_commands_for_contributors_are_make_targets() -> None:
    makefile = (console.ROOT / "Makefile").read_text()
    for command in ("run", "test"):
        assert f"$ make {command}" in README.read_text()
        assert f"\n{command}: " in makefile
