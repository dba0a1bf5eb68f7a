"""What the pages say of options: all are listed, and those that are named are there."""

import re
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

from tests.docs import console

SOURCE = console.ROOT / "doc" / "source"
# Sphinx copies decisions to contributor/adr; they name options of the past, too.
PAGES = [
    *(page for page in sorted(SOURCE.rglob("*.rst")) if page.parent.name != "adr"),
    console.ROOT / "README.rst",
]
OPTIONS = SOURCE / "configuration" / "options.rst"
GENERATOR = console.ROOT / "etc" / "freezer" / "freezer-config-generator.conf"
SAMPLE = GENERATOR.with_name("freezer-api.conf.sample")

_BLOCK = re.compile(r"\.\. code-block:: ini\n\n((?:   .*\n|\n)+)")
_OF_THE_PLUGIN = {"auth_url", "username", "password", "project_name", "user_domain_name", "project_domain_name"}
"""Of ``auth_type = password``."""
_NAMED = re.compile(r"``\[(\w+)\]\s+(\w+)")


def _options() -> dict[str, set[str]]:
    """Names of options by group, as the sample file has them."""
    found: dict[str, set[str]] = {"keystone_authtoken": set(_OF_THE_PLUGIN)}
    names = found.setdefault("DEFAULT", set())
    for line in SAMPLE.read_text().splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            names = found.setdefault(match[1], set())
        elif match := re.match(r"#(\w+) =", line):
            names.add(match[1])
    return found


def _namespaces() -> list[str]:
    return re.findall(r"^namespace = (\S+)$", GENERATOR.read_text(), re.MULTILINE)


def test_the_reference_has_the_namespaces_of_the_sample() -> None:
    listed = re.findall(r"^   ([a-z_.-]+)$", OPTIONS.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(_namespaces())


def test_options_that_are_named_are_there() -> None:
    known, named = _options(), set()
    for page in PAGES:
        # A message is no text of ours.
        text = re.sub(r"^``.*``$", "", page.read_text(), flags=re.MULTILINE)
        named |= {(group, option) for group, option in _NAMED.findall(text)}
    assert {(group, option) for group, option in named if option not in known.get(group, ())} == set()
    assert len(named) > 10


def _blocks() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for block in _BLOCK.findall(page.read_text()):
            yield page, block


def test_examples_of_the_configuration_file_have_known_options() -> None:
    known, examples = _options(), 0
    for page, block in _blocks():
        file = ConfigParser(delimiters="=", interpolation=None, default_section="")
        file.read_string("\n".join(line[3:] for line in block.splitlines()))
        if any(":" in section for section in file.sections()):
            continue  # a paste file
        examples += 1
        for section in file.sections():
            assert set(file[section]) <= known[section], (page.name, section)
    assert examples
