"""The README is true: its tour, played against the service, prints what it says."""

from pathlib import Path

import pytest

from tests.docs import console
from tests.servers.service import Service

README = console.ROOT / "README.rst"


@pytest.fixture
def service(tmp_path: Path):
    service = Service(tmp_path / "data")
    yield service.start()
    service.end()


def test_the_tour_prints_what_the_readme_says(service: Service) -> None:
    address = service.url.removeprefix("http://")
    tour = [command for block in console.blocks(README.read_text()) for command in console.commands(block)]
    assert len(tour) > 15
    for command in tour:
        output = console.normalised(console.printed(command, address))
        assert output == console.normalised(command.output), command.lines


def test_the_first_two_commands_are_those_of_the_makefile() -> None:
    makefile = (console.ROOT / "Makefile").read_text()
    for command in ("run", "test"):
        assert f"$ make {command}" in README.read_text()
        assert f"\n{command}: " in makefile
