# SPDX-License-Identifier: Apache-2.0
"""Each command has a page that describes all of its options."""

import re
from configparser import ConfigParser

import pytest

from freezer_reference import commands
from tests.docs import console

DIRECTORY = console.ROOT / "doc" / "source" / "cli"


def _scripts() -> dict[str, str]:
    """Return the console scripts of the package and their modules."""
    setup = ConfigParser()
    setup.read(console.ROOT / "setup.cfg")
    section = "options.entry_points" if setup.has_section("options.entry_points") else "entry_points"
    lines = setup[section]["console_scripts"].strip().splitlines()
    return {
        name.strip(): target.partition(":")[0].strip()
        for name, _, target in (line.partition("=") for line in lines)
    }


@pytest.mark.parametrize("name", _scripts())
def test_command_has_page(name: str) -> None:
    """Each name under which a command is installed is on a page."""
    directive = f".. freezer-options:: {_scripts()[name]}\n"
    (page,) = (path for path in DIRECTORY.glob("*.rst") if directive in path.read_text())
    assert f"``{name}``" in page.read_text()
    assert f'"{page.stem}": ' in (DIRECTORY.parent / "conf.py").read_text()


@pytest.mark.parametrize("module", sorted(set(_scripts().values())))
def test_page_has_all_options_of_help(module: str) -> None:
    text = commands.help_of(module)
    page = "\n".join(commands.page(text))
    usage = text.partition("\n\n")[0]
    named = set(re.findall(r"--[\w-]+", usage))
    shown = {spelling.split()[0] for option in commands.options(text) for spelling in option.spellings}
    inverse = {name for name in named - shown if f"--{name.removeprefix('--no')}" in shown}
    assert named <= shown | inverse
    assert len(shown) > len(inverse)
    for option in commands.options(text):
        assert option.meaning, option
        assert option.spellings[0] in page
